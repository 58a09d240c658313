import { defaultSessionKnnSettings } from '#models/session-knn/settings.ts'
import type { TrainingSessions } from '#models/session-knn/train.ts'
import type { SessionKnnSettings } from '#shared/session-knn.ts'

const hourMs = 60 * 60 * 1000

/** Lays sessions flat, one an hour; items are as many as the highest number says, at least `itemsTotal`. */
export function trainingSessions(sessions: number[][], itemsTotal = 0): TrainingSessions {
  const sessionOffsets = new Int32Array(sessions.length + 1)
  sessions.forEach((items, at) => {
    sessionOffsets[at + 1] = (sessionOffsets[at] as number) + items.length
  })
  const items = Int32Array.from(sessions.flat())
  return {
    itemsTotal: items.reduce((highest, item) => Math.max(highest, item + 1), itemsTotal),
    items,
    sessionOffsets,
    sessionEndsAtMs: Float64Array.from(sessions, (_, at) => at * hourMs),
  }
}

export function settingsWith(changes: Partial<SessionKnnSettings> = {}): SessionKnnSettings {
  return { ...defaultSessionKnnSettings, ...changes }
}
