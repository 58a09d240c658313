import { limits } from '#shared/limits.ts'

/**
 * When something counts as having come about, epoch ms: when a POP took it, by whose clock everything lies in order. What
 * was taken long after it happened, as history that is imported, counts as if it had come at once.
 */
export function momentOf(takenAt: number, happenedAt: number): number {
  return takenAt - happenedAt <= limits.triggerAgeMsMax ? takenAt : happenedAt
}
