// The suite, its origin, and the proxy between them.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'

export const PACKAGE = 'http-cache-tests@0.4.5'
// A run takes half a minute; the client itself knows no limit.
const LIMIT = 300_000

const here = path.dirname(fileURLToPath(import.meta.url))
const root = path.resolve(here, '../..')
const folder = path.join(root, 'target/conformance')
const suite = path.join(folder, 'node_modules/http-cache-tests')
const proxy = path.join(root, 'target/release/examples/reverse_proxy')

// Installs the suite, if it is not there.
export async function install () {
  if (existsSync(path.join(suite, 'cli.mjs'))) return
  await mkdir(folder, { recursive: true })
  await writeFile(path.join(folder, 'package.json'), '{"private":true}\n')
  const flags = ['--no-save', '--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund']
  await output('npm', ['install', ...flags, '--loglevel=error', PACKAGE], { cwd: folder })
}

// All tests that a proxy can be asked.
export async function tests () {
  const load = async (name) => {
    const module = await import(pathToFileURL(path.join(suite, 'tests', name)))
    return module.default
  }
  const suites = [...await load('index.mjs'), await load('surrogate-control.mjs')]
  return suites.flatMap((one) => one.tests
    .filter((test) => test.browser_only !== true)
    .map((test) => ({
      id: test.id,
      suite: one.id,
      name: test.name,
      kind: test.kind ?? 'required',
      dependsOn: test.depends_on ?? [],
    })))
}

// Runs all tests through a proxy with these flags: each id, and `true` or what was wrong.
export async function run (flags) {
  const port = String(await freePort())
  const running = []
  try {
    const origin = start('node', ['-r', path.join(here, 'loopback.cjs'), 'server/server.mjs'], {
      cwd: suite,
      env: environment({ port, protocol: 'http', pidfile: path.join(folder, `${port}.pid`) }),
    })
    running.push(origin)
    await says(origin, /^Listening/)
    const front = start(proxy, ['--listen', '127.0.0.1:0', '--origin', `http://127.0.0.1:${port}`, ...flags])
    running.push(front)
    const [, base] = await says(front, /listening on (http:\/\/[^,\s]+)/)
    const client = ['--no-warnings', 'cli.mjs']
    const env = environment({ base, id: '' })
    return JSON.parse(await output('node', client, { cwd: suite, env, timeout: LIMIT }))
  } finally {
    running.forEach((child) => child.kill())
  }
}

// npm's own variables: that is where the suite looks.
function environment (settings) {
  const named = Object.entries(settings).map(([name, value]) => [`npm_config_${name}`, value])
  return { ...process.env, npm_package_config_id: '', ...Object.fromEntries(named) }
}

function start (command, args, options) {
  return spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options })
}

// Waits for a line of a process, and goes on reading so that it never blocks.
function says (child, line) {
  return new Promise((resolve, reject) => {
    const lines = createInterface({ input: child.stdout })
    lines.on('line', (text) => {
      const found = line.exec(text)
      if (found) resolve(found)
    })
    child.on('error', reject)
    child.on('exit', (code) => reject(new Error(`${child.spawnfile} ended with ${code}`)))
  })
}

async function output (command, args, options) {
  const child = start(command, args, options)
  const chunks = []
  child.stdout.on('data', (chunk) => chunks.push(chunk))
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}`)
  return Buffer.concat(chunks).toString()
}

function freePort () {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}
