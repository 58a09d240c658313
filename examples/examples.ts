import { airline } from './airline/example.ts'
import { eCommerce } from './e-commerce/example.ts'
import type { Example } from './example.ts'
import { inStore } from './in-store/example.ts'
import { media } from './media/example.ts'
import { payments } from './payments/example.ts'
import { retailYearOnYear } from './retail-year-on-year/example.ts'
import { vitalsAndMachines } from './vitals-and-machines/example.ts'

/** Every example; a new one is added here alone. */
export const examples: readonly Example[] = [
  airline,
  eCommerce,
  inStore,
  media,
  payments,
  retailYearOnYear,
  vitalsAndMachines,
]
