import { limits } from '#shared/limits.ts'
import { budgetKey } from '#shared/offers/budget.ts'
import { numberOfCode, offerCodeKey } from '#shared/offers/code.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import type { Environment } from '../environment.ts'
import type { BudgetOf } from '../registry/registry.ts'
import { Turns } from '../store/turns.ts'
import type { DeclaredBudgets } from './declared-budgets.ts'

const listedMax = 1_000
/** Lists of codes are added one after the other: each lets others be served in between, and many would not. */
const additionsWaitingMax = 10

/** What operators ask of the budgets of offers. */
export function offerOperations(
  budgets: DeclaredBudgets,
  { registry, config }: Pick<Environment, 'registry' | 'config'>,
) {
  const additions = new Turns(1, additionsWaitingMax)
  async function addWithin(budget: BudgetOf, codes: readonly string[]): Promise<number> {
    const { listedCodesMax } = limits
    const codesTotal = await registry.countOfferCodes(budget, listedCodesMax)
    if (codesTotal + codes.length > listedCodesMax) {
      const detail = `a budget has at most ${listedCodesMax} codes of a list; this one has ${codesTotal}, and these are ${codes.length}`
      throw new RequestRefused(413, 'too_many_codes', detail)
    }
    return registry.addOfferCodes(budget, codes)
  }
  async function checkListed({ site, offer, budget }: BudgetOf): Promise<void> {
    const declared = [...(await budgets.ofSite(site)).values()]
    const lists = declared.filter(({ code }) => code === 'list')
    if (lists.some((one) => one.offer === offer && one.budget === budget)) return
    const known = lists.map((one) => `${one.offer} (budget ${one.budget})`).join(', ')
    const has = known === '' ? 'no offer has one' : `those that have one are ${known}`
    const detail = `no live or canary release has a list of codes for the offer ${offer} with the budget ${budget}; ${has}`
    throw new RequestRefused(409, 'unknown_offer', `${detail}; "ahead" adds them all the same`)
  }
  return {
    /** Every budget that is declared or was, with what became of it. */
    list: async (site: string) => {
      const [declared, states] = await Promise.all([
        budgets.ofSite(site),
        registry.offerBudgets(site, listedMax),
      ])
      const known = new Map(states.map((state) => [budgetKey(state), state]))
      return [...new Set([...declared.keys(), ...known.keys()])].map((key) => {
        const [one, state] = [declared.get(key), known.get(key)]
        const granted = state?.granted ?? 0
        const handedOut = state?.handedOut ?? 0
        const issuesMax = one?.issuesMax ?? null
        const codesLeft = state?.codesLeft ?? 0
        const left = Math.max(0, (issuesMax ?? 0) - granted)
        return {
          ...{ offer: (one ?? state)?.offer, budget: (one ?? state)?.budget },
          /** Null where no release that answers declares it: nothing more is granted. */
          issuesMax,
          ...{ granted, handedOut, atPops: granted - handedOut },
          left: one?.code === 'list' ? Math.min(left, codesLeft) : left,
          ...{ code: one?.code ?? null, codesTotal: state?.codesTotal ?? 0, codesLeft },
          leasesOpen: state?.leasesOpen ?? 0,
        }
      })
    },
    /**
     * Adds codes to an offer's list, one a line. Throws RequestRefused for a line that is none, for too many of them, and where no
     * release that answers has such a list, unless they are `ahead` of the one that will: nobody would ever be given them.
     */
    addCodes: async (budget: BudgetOf, text: string, { ahead }: { readonly ahead: boolean }) => {
      if (!ahead) await checkListed(budget)
      const lines = text.split(/\r?\n/).map((line) => line.trim())
      const codes = [...new Set(lines.filter((line) => line !== ''))]
      if (codes.length > limits.codesAddedMax) {
        const detail = `a request adds at most ${limits.codesAddedMax} codes, and these are ${codes.length}: send them in several, as "shelfedge offers codes add" does`
        throw new RequestRefused(413, 'too_many_codes', detail)
      }
      const wrong = codes.find((code) => !isCode(code))
      if (wrong !== undefined) {
        const detail = `a code has 1 to ${limits.offerCodeCharactersMax} letters, digits and signs of ASCII: ${wrong.slice(0, 80)}`
        throw new RequestRefused(400, 'invalid_code', detail)
      }
      const added = await additions.run(() => addWithin(budget, codes))
      return { added, known: codes.length - added }
    },
    /** Whose a generated code is, without a list of them: only who has the secret can have made it. */
    verify: async (site: string, code: string) => {
      const key = offerCodeKey(config.popSecret, site)
      for (const { offer, budget, prefix, code: kind } of (await budgets.ofSite(site)).values()) {
        if (kind !== 'generated') continue
        const number = numberOfCode(key, { offer, budget }, code, prefix)
        if (number === null) continue
        const genuine = await registry.isGranted({ site, offer, budget }, number)
        return { code, genuine, offer, budget, number }
      }
      return { code, genuine: false, offer: null, budget: null, number: null }
    },
  }
}

function isCode(text: string): boolean {
  return text.length <= limits.offerCodeCharactersMax && /^[\x21-\x7e]+$/.test(text)
}
