import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type FileSession, readSessionFile } from '#hub/evaluation/session-file.ts'
import { replayLive } from '../replay-live.ts'

const measured = [
  ...['predictions', 'hitRate20', 'hitRate20Low', 'hitRate20High'],
  ...['mrr20', 'mrr20Low', 'mrr20High', 'ndcg20', 'recall20', 'coverage20', 'releaseBytes'],
]

/** What the model of a training is worth on clicks it never saw, asked of a POP over HTTP in file order. */
export async function measureSessions(clicks: string): Promise<Record<string, number>> {
  const train = sessionsIn(join(clicks, 'train.txt'))
  const test = sessionsIn(join(clicks, 'test.txt')).map((each) => ({ ...each, onlyLast: false }))
  const { figures } = await replayLive({ train, test, includesCurrent: false, say: console.log })
  const named = Object.entries(figures).filter(([name]) => measured.includes(name))
  return { ...Object.fromEntries(named), retrainSmallSeconds: figures.trainSeconds }
}

function sessionsIn(file: string): FileSession[] {
  return readSessionFile(readFileSync(file, 'utf8'), 'file').sessions
}
