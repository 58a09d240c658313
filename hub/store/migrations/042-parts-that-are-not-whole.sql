-- A merge that ran out of room leaves a part that is not whole, which a start sets aside. It may be as large as parts
-- get; the bound of 1 GiB would keep the table from opening at all.
ALTER TABLE events MODIFY SETTING max_suspicious_broken_parts_bytes = 200000000000;
ALTER TABLE decisions MODIFY SETTING max_suspicious_broken_parts_bytes = 200000000000;
ALTER TABLE refusals MODIFY SETTING max_suspicious_broken_parts_bytes = 200000000000;
ALTER TABLE dead_letters MODIFY SETTING max_suspicious_broken_parts_bytes = 200000000000;
