export const foreignKeyViolation = '23503'
export const uniqueViolation = '23505'

/** The SQLSTATE of a failed statement; drizzle wraps the driver's error as the cause of its own. */
export function sqlState(error: unknown): string | undefined {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown }
  return typeof code === 'string' ? code : cause ? sqlState(cause) : undefined
}
