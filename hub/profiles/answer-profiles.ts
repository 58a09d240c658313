import { type ProfilesAnswer, profilesQuestionSchema } from '#shared/contract.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import type { Environment } from '../environment.ts'
import { checkSignature, type SignedRequest } from '../ingest.ts'
import { readQuestion } from '../read-question.ts'
import { StoreError } from '../store/store.ts'
import { Turns } from '../store/turns.ts'
import { readProfiles } from './read-profiles.ts'

/** The rest waits at the POPs, which ask again: a rush of visitors never takes the store from training and ingest. */
const questionsAtOnce = 1
const questionsWaitingMax = 50

/** Tells POPs what the store knows of visitors whose sessions began: signature → contract → store. */
export function profileTeller(environment: Environment) {
  const turns = new Turns(questionsAtOnce, questionsWaitingMax)
  const { store, erasures, config, metrics } = environment
  return async function tellProfiles(request: SignedRequest): Promise<ProfilesAnswer> {
    await checkSignature(request, environment)
    const question = readQuestion(request.body, profilesQuestionSchema, 'not_a_profiles_question')
    const { site, visitors } = question
    if (!config.siteIds.includes(site)) {
      throw new RequestRefused(409, 'unknown_site', `no site ${site} at this hub`)
    }
    const profiles = await turns.run(() => readProfiles(site, visitors, store)).catch(tooMuch)
    // After the store: whoever is to be erased by now is told of to nobody, as long as anything of them may be left.
    const told = profiles.map((profile, index) => {
      const { visitor = '' } = visitors[index] ?? {}
      return erasures.isOpen({ site, visitor }, config.popUrls) ? null : profile
    })
    metrics.profiles.inc(told.length)
    return { profiles: told }
  }
}

/** What takes too long, or too much, will again: the POP asks of fewer visitors. */
function tooMuch(cause: unknown): never {
  const isTooMuch = cause instanceof StoreError && ['refused', 'timeout'].includes(cause.code)
  throw isTooMuch ? new RequestRefused(422, 'too_much_to_read', cause.message) : cause
}
