// From what the suite's client saw to what each test came to.

import { isCounted, rating, turned } from './ratings.mjs'

// Nearly every test of today hangs on these two: nothing else counts for one that reuses
// what names no lifetime, or does not reuse what does.
const GATE = ['freshness-none', 'freshness-max-age']

// What a test comes to by itself: 'pass', 'fail', or why it says nothing.
function alone (id, seen) {
  if (seen === undefined) return 'not run'
  if (seen[0] === 'Setup') return seen[1] === 'retry' ? 'asked twice' : 'setup'
  if (seen[0] === 'AbortError') return 'timed out'
  if (!turned.has(id)) return seen === true ? 'pass' : 'fail'
  const otherwise = seen[0] === 'Assertion' &&
    /^Response 2 (comes|does not come) from cache/.test(seen[1])
  return otherwise ? 'pass' : 'fail'
}

// Each counted test with its rating and what it came to. A test passes only if those
// that it depends on do.
export function judge (tests, results) {
  const byId = new Map(tests.map((test) => [test.id, test]))
  const known = new Map()
  const gate = GATE.every((id) => alone(id, results[id]) === 'pass')
  const outcome = (id) => {
    if (!known.has(id)) {
      const { dependsOn } = byId.get(id)
      const stands = (gate || GATE.includes(id)) && dependsOn.every((on) => outcome(on) === 'pass')
      known.set(id, stands ? alone(id, results[id]) : 'dependency')
    }
    return known.get(id)
  }
  return tests.filter(isCounted).map((test) => ({
    id: test.id,
    suite: test.suite,
    name: test.name,
    rating: rating(test),
    outcome: outcome(test.id),
    said: Array.isArray(results[test.id]) ? results[test.id][1] : '',
  }))
}

// How many of a rating passed, of how many.
export function score (judged, name) {
  const rated = judged.filter((test) => test.rating === name)
  return { passed: rated.filter((test) => test.outcome === 'pass').length, of: rated.length }
}
