import { defineConfig } from 'vitest/config'

// What takes minutes: real processes killed again and again, or many of them. Two files at a time: each
// waits for disks and other processes half of its time.
export default defineConfig({
  test: {
    include: ['test/long/**/*.test.ts'],
    maxWorkers: 2,
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
})
