/**
 * A thread of the examiner that ends the whole process when the hub is gone: the thread that runs a model is in
 * WebAssembly for as long as the model likes, and hears nothing meanwhile.
 */

const lookMs = 250
const hub = Number(process.argv[2])

setInterval(() => {
  if (process.ppid !== hub) process.kill(process.pid, 'SIGKILL')
}, lookMs)
