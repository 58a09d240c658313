/** Places where a hub can be made to end at once, as a power cut would end it, to see what is lost. */
export const failPoints = [
  'before_append',
  'after_append',
  'during_insert',
  'after_insert',
  'during_training',
  'during_publish',
] as const
export type FailPoint = (typeof failPoints)[number]

/** Which point, and at which time it is passed, counted from 1: `after_append` or `after_append:3`. */
export interface FailAt {
  readonly point: FailPoint
  readonly time: number
}

const form = new RegExp(`^(${failPoints.join('|')})(?::([1-9][0-9]{0,5}))?$`)

/** Reads the setting; null where it is none. */
export function readFailAt(text: string): FailAt | null {
  const [, point, time = '1'] = form.exec(text) ?? []
  return point ? { point: point as FailPoint, time: Number(time) } : null
}

/** What is called at every point. Without `failAt`, in production, it does nothing. */
export function failer(failAt: FailAt | undefined, end: () => void): (point: FailPoint) => void {
  if (!failAt) return () => undefined
  let passed = 0
  return (point) => {
    if (point !== failAt.point) return
    passed++
    if (passed === failAt.time) end()
  }
}
