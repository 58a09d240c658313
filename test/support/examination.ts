/** Examines a model that works for minutes, and tells its parent when the examination has begun. */

import { examineModel } from '#hub/judging/examine.ts'
import { sessionContract } from '#hub/judging/model-contract.ts'
import { hostileModels, promised } from './hostile-models.ts'

const { bytes } = hostileModels.find(({ what }) => what === 'work for minutes') ?? {}
if (!bytes) throw new Error('no such model')
const examination = examineModel(bytes(), sessionContract(promised))
process.send?.('begun')
console.log(await examination)
