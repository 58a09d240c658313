/** A certificate and a user, so that a broker can be reached over TLS by who logs in. */

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Login {
  readonly username: string
  readonly password: string
  /** The certificate that clients have to trust, as a file in PEM. */
  readonly certificateFile: string
  /** Settings of the broker's listener LOGIN. */
  readonly settings: Readonly<Record<string, string>>
  /** Arguments of the storage tool, which keeps the user for SCRAM. */
  readonly formatting: readonly string[]
}

/** Makes a certificate for this machine's loopback address, by the tool that comes with Java. */
export async function makeLogin(directory: string): Promise<Login> {
  const [username, password] = ['hub', 'hunter2hunter2']
  const keystore = join(directory, 'broker.p12')
  const certificateFile = join(directory, 'broker.pem')
  const access = ['-keystore', keystore, '-storepass', password, '-alias', 'broker']
  const subject = ['-dname', 'CN=127.0.0.1', '-ext', 'san=ip:127.0.0.1', '-validity', '2']
  await run('keytool', ['-genkeypair', '-keyalg', 'EC', ...subject, ...access])
  await run('keytool', ['-exportcert', '-rfc', '-file', certificateFile, ...access])
  const modules = 'org.apache.kafka.common.security'
  const scram = `${modules}.scram.ScramLoginModule required;`
  const mechanisms = ['SCRAM-SHA-256', 'SCRAM-SHA-512']
  return {
    ...{ username, password, certificateFile },
    settings: {
      'ssl.keystore.location': keystore,
      'ssl.keystore.password': password,
      'listener.name.login.sasl.enabled.mechanisms': ['PLAIN', ...mechanisms].join(','),
      'listener.name.login.plain.sasl.jaas.config': `${modules}.plain.PlainLoginModule required user_${username}="${password}";`,
      'listener.name.login.scram-sha-256.sasl.jaas.config': scram,
      'listener.name.login.scram-sha-512.sasl.jaas.config': scram,
    },
    formatting: mechanisms.flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${username},password=${password}]`,
    ]),
  }
}
