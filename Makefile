# `make` lists the targets. STEPS=2 ORG_ID=name YES=1 pass through to the commands that know them.

SYSTEM_PATH := $(PATH)
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

ALIQUOT := node bin/aliquot.js
ORG := $(if $(ORG_ID),--org '$(ORG_ID)')
SAY_YES := $(if $(YES),--yes)
STEP_COUNT := $(if $(STEPS),--steps $(STEPS))
# Taking back is of one branch: an organization's when one is named, else the shared database's.
DOWN_BRANCH := $(if $(ORG_ID),results,metadata)

# Cases that take longer: with the slow tests, so that `make test` stays within five minutes.
LONG_CASES := {test/faults/{away,clock,lease,older,organization,relay},src/orgs/fleet-window}.test.ts
# Races that are run a few times in `make test`, and here often.
RACES := src/{worker/executions,worker/life,queue/lanes,relay/reindex,batches/races}.test.ts

.DEFAULT_GOAL := help
.PHONY: help install engines services demo test test-reference test-slow test-faults test-pg15 test-migrations fuzz bench bench-fleet check format types schema docs \
  up down restart status health health-continuous clean reset quick-reset dev-setup \
  migrate migrate-results migrate-status migrate-history migrate-down seed seed-force shell \
  local-migrate local-seed local-health test-docs

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## (.*)/  \1|\2/' | awk -F'|' '{ printf "%-22s %s\n", $$1, $$2 }'

# npm runs under the Node that the system has; everything else under the one that npm brings.
node_modules/.stamp: package.json package-lock.json
	PATH="$(SYSTEM_PATH)" npm ci --no-audit --no-fund --loglevel=error
	@node -e 'if (Number(process.versions.node.split(".")[0]) < 24) { console.error("Aliquot needs Node 24 and this is " + process.version + ": npm brings none for this platform, so put one first on PATH"); process.exit(1) }'
	@touch $@

install: node_modules/.stamp ## Node packages, where they are missing or old

engines: ## chemistry engines, where they are missing: through apt as root on Debian, else says how
	@scripts/engines.sh

services: ## servers that only tests speak to (PgBouncer): through apt as root on Debian, else says how
	@scripts/services.sh

demo: install engines ## a first session: amprenavir into its protein, seven more ligands, twenty molecules through xtb
	@$(ALIQUOT) demo

test: install engines ## every test but the slow references
	@node scripts/test.mjs "src/**/*.test.ts" "test/**/*.test.ts" "!test/reference/**" "!test/slow/**" "!$(LONG_CASES)"

test-reference: install engines ## numbers held against published ones (slow)
	@node scripts/test.mjs "test/reference/**/*.test.ts"

test-slow: install engines ## the package installed elsewhere, whole runs, killed processes, the demo
	@node scripts/test.mjs "test/slow/**/*.test.ts" "$(LONG_CASES)"
	@LONG=1 node scripts/test.mjs "$(RACES)"

test-faults: install engines ## killed processes, lost leases, servers that go away; then 200 kills while 500 jobs run (SEED= KILLS= JOBS=)
	@node scripts/test.mjs "test/faults/*.test.ts" "test/slow/faults.test.ts"
	@node test/faults/long.ts --seed="$(SEED)" --kills="$(KILLS)" --jobs="$(JOBS)"

test-pg15: install ## what touches the database on Debian's PostgreSQL 15, by an administrator without superuser's rights
	@scripts/test-pg15.sh "src/orgs/*.test.ts" "src/db/migrate*.test.ts" "src/db/values.test.ts" "src/jobs/*.test.ts" "src/worker/*.test.ts" "src/relay/*.test.ts" "src/queue/*.test.ts" \
	  "src/audit/*.test.ts" "src/perform.test.ts" "test/schema.test.ts" "test/isolation.test.ts" "test/docs/*.test.ts" \
	  "test/legality/*.test.ts" "test/visibility/*.test.ts"

test-docs: install ## the schema reference, the map and the diagrams against the migrations
	@node scripts/test.mjs "test/docs/*.test.ts" "src/docs/*.test.ts"

test-migrations: install ## every migration up, down and up again, on scratch databases
	@$(ALIQUOT) migrate test

fuzz: install ## strangers with nothing but the OpenAPI document at the API: ours, and schemathesis where PyPI is at hand (REQUESTS= SEED=)
	@$(if $(REQUESTS),REQUESTS=$(REQUESTS)) $(if $(SEED),SEED=$(SEED)) node test/fuzz/run.ts

bench: install engines ## measurements, each beside its baseline in the same run (slow; NAMES="import worker" ARGS=--quick|--json)
	@node --max-semi-space-size=4 bench/bench.ts $(ARGS) $(NAMES)

bench-fleet: install ## 1,000 databases migrated beside a bare loop, and with 5 % that fail (FLEET=30 for a look)
	@node bench/bench.ts $(ARGS) fleet

check: install ## lint with format and import cycles, types
	@biome check --error-on-warnings .
	@tsc -p tsconfig.json

format: install ## put the format right
	@biome check --write .

types: install ## table types from the migrations: src/db/tables/
	@node scripts/generate-types.ts

schema: install ## the schema from the migrations, as text and as reference: docs/schema/, docs/schema.md
	@UPDATE=1 node --test --test-reporter=dot --test-name-pattern="described schema|schema reference" test/schema.test.ts test/docs/schema.test.ts

docs: install ## the schema reference alone, with the database of this home: docs/schema.md, docs/schema/
	@$(ALIQUOT) docs --to docs

up: install ## start everything in the background
	@$(ALIQUOT) up --detach

down: install ## stop every process of this home
	@$(ALIQUOT) down

restart: install ## down, then up
	@$(ALIQUOT) down
	@$(ALIQUOT) up --detach

status: install ## what runs, and where
	@$(ALIQUOT) status

health: install ## whether everything works
	@$(ALIQUOT) health

health-continuous: install ## the same every 30 s until Ctrl-C
	@$(ALIQUOT) health --watch --interval 30

clean: install ## delete the embedded database with all that is in it (asks; YES=1) and what was built
	@$(ALIQUOT) down --purge $(SAY_YES)
	@rm -rf dist coverage

reset: install ## delete the embedded database (asks; YES=1) and start everything on a new one
	@$(ALIQUOT) down --purge $(SAY_YES)
	@$(ALIQUOT) up --detach

quick-reset: install ## the same without waiting for what runs, and with only the database started
	@$(ALIQUOT) down --now --purge $(SAY_YES)
	@$(ALIQUOT) seed

dev-setup: install engines ## all that developing needs, and what is still missing
	@$(ALIQUOT) seed
	@$(ALIQUOT) doctor

migrate: install ## apply missing migrations to all databases (STEPS=)
	@$(ALIQUOT) migrate up $(STEP_COUNT)

migrate-results: install ## apply missing migrations to the organizations' databases (ORG_ID= STEPS=)
	@$(ALIQUOT) $(ORG) migrate up --branch results $(STEP_COUNT)

migrate-status: install ## version of every schema (ORG_ID=)
	@$(ALIQUOT) $(ORG) migrate status

migrate-history: install ## migrations that were applied (ORG_ID=)
	@$(ALIQUOT) $(ORG) migrate history

migrate-down: install ## take one migration back (asks; YES=1 STEPS=): of ORG_ID= where given, else of the shared database
	@$(ALIQUOT) $(ORG) $(SAY_YES) migrate down --branch $(DOWN_BRANCH) $(STEP_COUNT)

local-migrate: migrate ## the same as migrate, seed and health: nothing here needs a container

local-seed: seed

local-health: health

seed: install ## put in what the system itself needs
	@$(ALIQUOT) seed

seed-force: install ## the same, and put back what was changed of it
	@$(ALIQUOT) seed --force

shell: install ## SQL in an organization's database (ORG_ID=)
	@$(ALIQUOT) $(ORG) shell
