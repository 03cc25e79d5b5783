#!/bin/bash
# The two users of the results database, with the rights that docs/operating.md lists: one migrates and moves
# partitions, one runs. MySQL's image runs this once, when the data folder is empty.
set -euo pipefail

quoted() { # a text between single quotes of SQL, whatever it holds
    local text=${1//\\/\\\\}
    printf "'%s'" "${text//\'/\'\'}"
}

docker_process_sql --database=mysql <<SQL
CREATE USER 'foresight'@'%' IDENTIFIED BY $(quoted "$FORESIGHT_MYSQL_PASSWORD");
CREATE USER 'foresight_upkeep'@'%' IDENTIFIED BY $(quoted "$FORESIGHT_MYSQL_UPKEEP_PASSWORD");
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE TEMPORARY TABLES ON foresight.* TO 'foresight'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES ON foresight.* TO 'foresight_upkeep'@'%';
SQL
