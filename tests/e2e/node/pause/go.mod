module plimsoll.dev/tests/e2e/node/pause

go 1.26
