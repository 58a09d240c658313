/** An answer that comes within `timeMaxMs`. Throws where it does not; the work itself goes on. */
export async function withinTime<Result>(
  work: Promise<Result>,
  timeMaxMs: number,
): Promise<Result> {
  let timer: number | null = null
  const late = new Promise<never>((_, refuse) => {
    timer = setTimeout(() => refuse(new Error('no answer in time')), timeMaxMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
