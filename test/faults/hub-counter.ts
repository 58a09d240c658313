import type { Part, World } from './world.ts'

/** What the `/metrics` of a hub say of a counter, labels and all in its name; 0 while it has none. */
export async function hubCounter(hub: Part, { secrets }: World, name: string): Promise<number> {
  const headers = { authorization: `Bearer ${secrets.adminToken}` }
  const response = await fetch(`${hub.url}/metrics`, { headers })
  const lines = (await response.text()).split('\n')
  return Number(lines.find((line) => line.startsWith(`${name} `))?.slice(name.length) ?? 0)
}
