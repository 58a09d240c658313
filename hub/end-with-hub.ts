/**
 * How a process that the hub started for itself ends: when the hub says so, or at once when the hub is gone.
 *
 * A Ctrl-C reaches the whole terminal, and a service manager asks every process of a service to end; the hub hears it
 * too, finishes what it has in hand, and ends its processes by itself. Where the hub was killed, the channel to it
 * closes. Killed then, not exited: on its way out a process may wait for threads of a library, and for ever. All of
 * them survive a power cut, so they survive this.
 */
export function endWithHub(): void {
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => undefined)
  process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'))
}
