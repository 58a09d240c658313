import { popApp } from './app.ts'
import { environment } from './environment.ts'

export { DueDecisions } from './due-decisions.ts'
export { Offers } from './offers/object.ts'
export { Profiles } from './profiles/object.ts'
export { ReleaseShelf } from './releases/shelf.ts'
export { Visitors } from './visitors/object.ts'

export default popApp(environment)
