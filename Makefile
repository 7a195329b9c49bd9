# run · test · bench · lint: each prepares what it needs, then does its one job.
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test test-asan bench lint format lock setup clean

run: setup
	$(BIN)/legroom serve

test: setup-test
	$(BIN)/python -m pytest -n auto --dist worksteal tests

test-asan: setup-test
	scripts/test-asan

bench: setup-test
	$(BIN)/python -m bench.rooms

lint: setup-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror media/_bridge/*.cpp media/_bridge/*.hpp

format: setup-test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/clang-format -i media/_bridge/*.cpp media/_bridge/*.hpp

setup:
	@scripts/prepare run

setup-test:
	@scripts/prepare test

lock: setup-test
	scripts/lock

clean:
	rm -rf $(VENV) build *.egg-info media/_bridge.*.so
