import { defineConfig } from 'vitest/config'

// What takes minutes: real processes killed again and again, or many of them. One file after the other,
// so that they do not take the processor from each other.
export default defineConfig({
  test: {
    include: ['test/long/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
})
