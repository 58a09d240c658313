/** The topic of everything POPs send; its key is site and visitor, so that a visitor's order holds. */
export const recordsTopic = 'shelfedge.records'

/** The group that reads it into the store. */
export const storeGroup = 'store'
