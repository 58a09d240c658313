/** What the statistics need of the visitors of one variant, whose outcomes it sums up. */
export interface Moments {
  readonly visitors: number
  readonly mean: number
  /** Of the sample, as are the two below. */
  readonly variance: number
  /** Of what was known of the same visitors before they came into the experiment. */
  readonly covariateMean: number
  readonly covariateVariance: number
  readonly covariance: number
}

/** Takes visitors one by one, numerically stable (Welford 1962). */
export class RunningMoments {
  #visitors = 0
  #mean = 0
  #covariateMean = 0
  #squares = 0
  #covariateSquares = 0
  #products = 0

  add(outcome: number, covariate: number): void {
    this.#visitors++
    const before = outcome - this.#mean
    const covariateBefore = covariate - this.#covariateMean
    this.#mean += before / this.#visitors
    this.#covariateMean += covariateBefore / this.#visitors
    this.#squares += before * (outcome - this.#mean)
    this.#covariateSquares += covariateBefore * (covariate - this.#covariateMean)
    this.#products += before * (covariate - this.#covariateMean)
  }

  moments(): Moments {
    const degrees = Math.max(1, this.#visitors - 1)
    return {
      visitors: this.#visitors,
      mean: this.#mean,
      variance: this.#squares / degrees,
      covariateMean: this.#covariateMean,
      covariateVariance: this.#covariateSquares / degrees,
      covariance: this.#products / degrees,
    }
  }
}
