# Every target works on a fresh machine that holds only Python >= 3.11 and pip: it creates .venv itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := runs/demo

.PHONY: demo test check bench prove clean

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(READY)
	rm -rf $(DEMO)
	$(BIN)/curate run --input sample --input python-docs --out $(DEMO)
	@echo
	@echo "Two classifiers, trained on that run: pages like those of the reference hosts, and topics found as clusters."
	rm -rf $(DEMO)-quality $(DEMO)-topics $(DEMO)-scored
	$(BIN)/curate quality train examples/quality.yaml --out $(DEMO)-quality
	$(BIN)/curate domains train --on $(DEMO) --clusters 6 --out $(DEMO)-topics
	@echo
	@echo "The sample once more, with both: each document has a score and a topic, for rules and for curate mix."
	$(BIN)/curate run --input sample --out $(DEMO)-scored \
	  --set classify.quality.reference=$(DEMO)-quality --set classify.domain.topic=$(DEMO)-topics
	@echo
	@echo "A tokenizer and a language model of about a million parameters from what the first run kept, then what it writes."
	rm -rf $(DEMO)-tokenizer $(DEMO)-model
	$(BIN)/train tokenizer --data $(DEMO) --vocab-size 1024 --out $(DEMO)-tokenizer
	$(BIN)/train pretrain --data $(DEMO) --tokenizer $(DEMO)-tokenizer --root runs/workspace --out $(DEMO)-model \
	  --depth 3 --context 128 --tokens 600k --precision bf16 --set text.prepare.held_out=0.1 \
	  --set rows.tokens=1024 --set optim.optimizer=muon --set optim.lr=0.005
	$(BIN)/train generate $(DEMO)-model "The " --max-new 60 --temperature 0.7
	@echo
	@echo "How good it is: a report on small tasks and held-out text, every number with its interval."
	rm -rf $(DEMO)-report
	$(BIN)/evalkit report build examples/report.yaml --root runs/workspace --out $(DEMO)-report --no-progress
	@echo "Open $(DEMO)-report/report.html in a browser."
	@echo
	@echo "Next, ask of any page that is missing why, what another threshold would have kept, and look at the report:"
	@echo "  $(BIN)/curate explain $(DEMO) --any-dropped"
	@echo "  $(BIN)/curate whatif $(DEMO) --set gopher.words_min=100"
	@echo "  $(BIN)/curate report $(DEMO) --to runs/demo.html"
	@echo "  $(BIN)/train chat $(DEMO)-model --template plain"
	@echo "  $(BIN)/curate mix $(DEMO)-scored --dry-run --set 'by=[domain, {measure: quality.reference, buckets: 2}]'"

# Many tests start processes, which share what the first of them compiles to bytecode, whatever the shell says.
test: $(READY)
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -m "not prove" -n 2 --dist loadfile --no-loadscope-reorder

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_floors.py

bench: $(READY)
	$(BIN)/python benchmarks/run_all.py

prove: $(READY)
	$(BIN)/python -m pytest -m prove

clean:
	rm -rf $(VENV) runs .pytest_cache .mypy_cache .ruff_cache .bench
