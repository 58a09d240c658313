import { Agent, createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { drain } from '#hub/drain.ts'

function ask(port: number, agent: Agent) {
  return new Promise<number | undefined>((resolve, reject) => {
    get({ port, agent }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode))
    }).on('error', reject)
  })
}

describe('a server that drains', () => {
  it('answers what it has, lets the connection go and takes no new one', async () => {
    let answer = () => {}
    const server = createServer((_request, response) => {
      answer = () => response.end('done')
      if (!server.listening) return answer()
      server.emit('asked')
    })
    await new Promise<void>((resolve) => server.listen(0, resolve))
    const { port } = server.address() as AddressInfo
    const agent = new Agent({ keepAlive: true })
    const asked = new Promise((resolve) => server.once('asked', resolve))
    const inHand = ask(port, agent)
    await asked
    const drained = drain(server, 60_000)
    answer()
    expect(await inHand).toBe(200)
    await drained
    await expect(ask(port, new Agent())).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    agent.destroy()
  })

  it('cuts what takes longer than it may', async () => {
    const server = createServer(() => server.emit('asked'))
    await new Promise<void>((resolve) => server.listen(0, resolve))
    const { port } = server.address() as AddressInfo
    const asked = new Promise((resolve) => server.once('asked', resolve))
    const refused = expect(ask(port, new Agent())).rejects.toMatchObject({ code: 'ECONNRESET' })
    await asked
    await drain(server, 1)
    await refused
  })
})
