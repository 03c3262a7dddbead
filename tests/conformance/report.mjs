// The tables of docs/conformance.md.

import { score } from './judge.mjs'

const BEGIN = '<!-- scripts/conformance --record writes from here -->'
const END = '<!-- to here -->'

export function withTable (document, table) {
  const begin = document.indexOf(BEGIN)
  const end = document.indexOf(END)
  if (begin < 0 || end < begin) throw new Error('docs/conformance.md has lost its marks')
  return `${document.slice(0, begin + BEGIN.length)}\n\n${table}\n${document.slice(end)}`
}

export function table (found, expected) {
  return [scores(found), areas(found), losses(found, expected)].join('\n')
}

function scores (found) {
  const rows = Object.entries(found).map(([preset, judged]) => {
    const cells = ['required', 'optimal'].map((name) => {
      const { passed, of } = score(judged, name)
      return `${passed} of ${of}`
    })
    return `| ${preset} | ${cells.join(' | ')} |\n`
  })
  return `| Preset | required | optimal |\n|---|---|---|\n${rows.join('')}`
}

// By area: required and optimal tests passed, of how many.
function areas (found) {
  const presets = Object.keys(found)
  const names = [...new Set(found[presets[0]].map((test) => test.suite))]
  const cell = (judged, area) => {
    const here = judged.filter((test) => test.suite === area)
    const { passed, of } = score(here, 'required')
    const optimal = score(here, 'optimal')
    return of + optimal.of === 0 ? '' : `${passed}/${of} + ${optimal.passed}/${optimal.of}`
  }
  const rows = names
    .map((area) => [area, ...presets.map((preset) => cell(found[preset], area))])
    .filter(([, ...cells]) => cells.some((text) => text !== ''))
    .map((cells) => `| ${cells.join(' | ')} |\n`)
  return `| Area (required + optimal) | ${presets.join(' | ')} |\n|---|${'---|'.repeat(presets.length)}\n${rows.join('')}`
}

function losses (found, { lost, reasons }) {
  return Object.keys(found).map((preset) => {
    const groups = Object.entries(reasons).map(([reason, text]) => {
      const ids = Object.keys(lost[preset]).filter((id) => lost[preset][id] === reason)
      return ids.length === 0 ? '' : `- ${text} (${ids.length}): ${ids.map((id) => `\`${id}\``).join(', ')}\n`
    })
    return `### What \`${preset}\` loses, and why\n\n${groups.join('')}`
  }).join('\n')
}
