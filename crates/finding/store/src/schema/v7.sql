-- Findings by service and source, asked for at every look at the list with such a filter; both databases.
CREATE INDEX tally_service ON tally (service, source, finding);
