-- What columns mean of which the name says too little. (epoch, sequence, position) is the order in which a POP took
-- what a visitor did, whatever the clocks of devices said.

ALTER TABLE events
    COMMENT COLUMN epoch 'when the POP that counted was started; with sequence and position, the order of a visitor',
    COMMENT COLUMN sequence 'which batch of the visitor, counted by the POP within the epoch',
    COMMENT COLUMN position 'which record of its batch, from 0',
    COMMENT COLUMN late 'older than the running session by more than the idle limit: a device that was offline; in a session of its own',
    COMMENT COLUMN bot 'by the user agent or the pace; such events teach no model',
    COMMENT COLUMN items 'the product_id of the event and of each of its products',
    COMMENT COLUMN visitor 'a: and the anonymousId, or u: and the userId',
    COMMENT COLUMN session 'by the idle limit of the site, 30 minutes where it sets none';

ALTER TABLE decisions
    COMMENT COLUMN epoch 'when the POP that counted was started; with sequence and position, the order of a visitor',
    COMMENT COLUMN sequence 'which batch of the visitor, counted by the POP within the epoch',
    COMMENT COLUMN position 'which record of its batch, from 0',
    COMMENT COLUMN items 'ids as they were answered, the best first',
    COMMENT COLUMN visitor 'a: and the anonymousId, or u: and the userId';
