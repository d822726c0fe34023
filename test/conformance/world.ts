/** What every conformance suite needs of the world that it examines a port in. */

export interface World {
  /** Carries out `action` while time goes on: the lab steps its clock until then, Node just awaits. */
  run<T>(action: () => Promise<T>): Promise<T>
  /** Frees what the world holds; called once after each test, outside `run`. */
  close(): Promise<void>
}

/** One test's life: a fresh world, the body inside it, and the end of the world whatever happened. */
export async function within<W extends World>(
  make: () => Promise<W>,
  body: (world: W) => Promise<void>,
): Promise<void> {
  const world = await make()
  try {
    await world.run(() => body(world))
  } finally {
    await world.close()
  }
}

/** A promise and the function that fulfils it, for what arrives by callback. */
export function signal<T = void>(): { promise: Promise<T>; fire: (value: T) => void } {
  let fire: (value: T) => void = () => {}
  const promise = new Promise<T>((resolve) => {
    fire = resolve
  })
  return { promise, fire }
}
