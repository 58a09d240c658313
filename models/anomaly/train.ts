import { CholeskyDecomposition, Matrix } from 'ml-matrix'
import { clipped, type ForecastModel, windowColumns } from '#shared/stream/forecast.ts'

/** The window and a 1 for the bias. */
const columns = windowColumns + 1
/** Of the mean square of what is foretold: windows of quiet streams are nearly alike, and so nearly dependent. */
const ridge = 0.01

/** Sums of products of windows and what came after them: all that least squares needs, however many there were. */
export class ForecastSums {
  #total = 0
  #squares = 0
  readonly #products = new Float64Array(columns * columns)
  readonly #targets = new Float64Array(columns)

  get total(): number {
    return this.#total
  }

  /** A window, and how unusual the observation after it was; that is cut, as what a window has is. */
  add(window: Float32Array, unusual: number): void {
    const target = clipped(unusual)
    const row = [...window, 1]
    this.#total++
    this.#squares += target * target
    for (const [at, value] of row.entries()) {
      this.#targets[at] = (this.#targets[at] as number) + value * target
      for (let other = 0; other <= at; other++) {
        const place = at * columns + other
        this.#products[place] = (this.#products[place] as number) + value * (row[other] as number)
      }
    }
  }

  /** What both have seen. */
  with(other: ForecastSums): ForecastSums {
    const sums = new ForecastSums()
    sums.#total = this.#total + other.#total
    sums.#squares = this.#squares + other.#squares
    for (const at of sums.#targets.keys()) {
      sums.#targets[at] = (this.#targets[at] as number) + (other.#targets[at] as number)
    }
    for (const at of sums.#products.keys()) {
      sums.#products[at] = (this.#products[at] as number) + (other.#products[at] as number)
    }
    return sums
  }

  /** Ridge regression (Hoerl and Kennard 1970); the bias is not held back. Same sums, same weights. */
  solve(): ForecastModel {
    const { left, right } = this.#equations()
    for (let at = 0; at < windowColumns; at++) left.set(at, at, left.get(at, at) + ridge)
    // A column that never moves is 0 everywhere, and held up by the ridge alone; the bias always has its 1.
    const solved = new CholeskyDecomposition(left).solve(right).to1DArray()
    return {
      weights: Float32Array.from(solved.slice(0, windowColumns)),
      bias: Float32Array.of(solved[windowColumns] as number),
    }
  }

  /** Mean squared error of a model on these, and of foretelling nothing: that all is as usual. */
  errors({ weights, bias }: ForecastModel): { readonly model: number; readonly usual: number } {
    const { left, right } = this.#equations()
    const solution = Matrix.columnVector([...weights, ...bias])
    const usual = this.#squares / Math.max(1, this.#total)
    const explained = 2 * right.dot(solution) - solution.dot(left.mmul(solution))
    return { model: usual - explained, usual }
  }

  /** Of means, so that the ridge weighs the same however many there were. */
  #equations() {
    const total = Math.max(1, this.#total)
    const product = (at: number, other: number) =>
      (this.#products[Math.max(at, other) * columns + Math.min(at, other)] as number) / total
    const places = Array.from({ length: columns }, (_, at) => at)
    return {
      left: new Matrix(places.map((at) => places.map((other) => product(at, other)))),
      right: Matrix.columnVector(places.map((at) => (this.#targets[at] as number) / total)),
    }
  }
}
