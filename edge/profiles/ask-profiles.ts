import * as v from 'valibot'
import {
  type ProfilesAnswer,
  type ProfilesQuestion,
  profilesAnswerSchema,
  profilesPath,
} from '#shared/contract.ts'
import { askHub } from '../ask-hub.ts'
import type { Environment } from '../environment.ts'

/** What the store knew of these visitors, in their order. Throws where the hub does not answer as it should. */
export async function askProfiles(
  question: Omit<ProfilesQuestion, 'pop'>,
  environment: Environment,
): Promise<ProfilesAnswer['profiles']> {
  const asked = { pop: environment.config.popId, ...question } satisfies ProfilesQuestion
  const { profiles } = await askHub(profilesPath, asked, answerSchema(asked), environment)
  return profiles
}

function answerSchema({ visitors }: ProfilesQuestion) {
  const isForEach = ({ profiles }: ProfilesAnswer) => profiles.length === visitors.length
  return v.pipe(profilesAnswerSchema, v.check(isForEach, 'one profile for each visitor'))
}
