// Runs the public conformance suite through the example proxy, and compares what comes of
// it with what is written down. See docs/conformance.md.

import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { judge, score } from './judge.mjs'
import { table, withTable } from './report.mjs'
import { install, run, tests } from './suite.mjs'

const here = path.dirname(fileURLToPath(import.meta.url))
const EXPECTED = path.join(here, 'expected.json')
const DOCUMENT = path.resolve(here, '../../docs/conformance.md')
// What `--preset` is given, and flags beside it.
const PRESETS = ['default', 'by-the-book', 'by-the-book --choose-variants']

const record = process.argv.includes('--record')

await install()
const all = await tests()
const expected = JSON.parse(await readFile(EXPECTED, 'utf8'))
const runs = await Promise.all(PRESETS.map(async (preset) => [preset, await judged(preset)]))
const found = Object.fromEntries(runs)
let good = true
for (const preset of PRESETS) {
  good = tell(preset, found[preset], expected.lost[preset]) && good
}
if (record) {
  await note()
} else {
  const written = await readFile(DOCUMENT, 'utf8')
  if (good && written !== withTable(written, table(found, expected))) {
    console.log('docs/conformance.md does not say this: run scripts/conformance --record')
    good = false
  }
}
process.exitCode = good ? 0 : 1

// What the tests come to with one preset. On a busy machine a pause of three seconds may
// be four: what is lost against expectation is asked once more.
async function judged (preset) {
  const once = async () => judge(all, await run(['--preset', ...preset.split(' ')]))
  const first = await once()
  const isWorse = (test) => test.outcome !== 'pass' && !(test.id in expected.lost[preset])
  if (record || !first.some((test) => scored(test) && isWorse(test))) return first
  const second = new Map((await once()).map((test) => [test.id, test]))
  return first.map((test) => test.outcome === 'pass' ? test : second.get(test.id))
}

function scored (test) {
  return test.rating !== 'check'
}

// Prints the score and what is otherwise than expected; says whether nothing is.
function tell (preset, judged, lost) {
  const line = ['required', 'optimal', 'check'].map((name) => {
    const { passed, of } = score(judged, name)
    return `${name} ${passed}/${of}`
  })
  console.log(`${preset}: ${line.join(', ')}`)
  const otherwise = judged.filter(scored).filter((test) => (test.outcome === 'pass') === (test.id in lost))
  for (const { id, rating, outcome, said } of otherwise) {
    const what = outcome === 'pass'
      ? 'passes now: record it'
      : `lost (${outcome}${said ? `: ${said}` : ''})`
    console.log(`  ${rating} ${id} ${what}`)
  }
  return otherwise.length === 0
}

// Writes down what was found. A loss without a reason is not written down.
async function note () {
  for (const preset of PRESETS) {
    const before = expected.lost[preset]
    const lost = found[preset].filter((test) => scored(test) && test.outcome !== 'pass')
    expected.lost[preset] = Object.fromEntries(lost.map(({ id }) => [id, before[id] ?? '']))
    good = tellUnreasoned(preset) && good
  }
  await writeFile(EXPECTED, `${JSON.stringify(expected, null, 2)}\n`)
  const written = await readFile(DOCUMENT, 'utf8')
  await writeFile(DOCUMENT, withTable(written, table(found, expected)))
}

function tellUnreasoned (preset) {
  const without = Object.entries(expected.lost[preset]).filter(([, reason]) => !(reason in expected.reasons))
  for (const [id] of without) {
    console.log(`  ${id} wants a reason in tests/conformance/expected.json`)
  }
  return without.length === 0
}
