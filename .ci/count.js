// count.js REPORT STATUS: "passed failed skipped" of one run of vitest, from its JSON report, and on
// standard error what failed or was skipped. A run that failed without a failed test, or without a report, counts as
// one failure.

import { readFileSync } from 'node:fs'

const [path, status] = process.argv.slice(2)
const { passed, failed, skipped } = count()
console.log(passed, status !== '0' && failed === 0 ? 1 : failed, skipped)

function count() {
  let report
  try {
    report = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    console.error(`no report of the tests: ${error.message}`)
    return { passed: 0, failed: 1, skipped: 0 }
  }
  const states = report.testResults.flatMap(({ name, status, message, assertionResults }) => {
    tellOthers({ name, status, message, assertionResults })
    const tests = assertionResults.map((test) => test.status)
    // A file that could not be loaded has no tests to fail.
    return status === 'failed' && !tests.includes('failed') ? [...tests, 'failed'] : tests
  })
  const those = (wanted) => states.filter((state) => wanted.includes(state)).length
  return {
    passed: those(['passed']),
    failed: those(['failed']),
    skipped: states.length - those(['passed', 'failed']),
  }
}

function tellOthers({ name, status, message, assertionResults }) {
  const others = assertionResults.filter((test) => test.status !== 'passed')
  for (const { status, fullName, failureMessages = [] } of others) {
    console.error(`${status} ${name}: ${fullName}\n${failureMessages.join('\n')}`)
  }
  if (status === 'failed' && others.length === 0) console.error(`failed ${name}\n${message}`)
}
