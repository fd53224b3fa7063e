#!/usr/bin/env python3
"""Checks by hand that Optuna opens a study store that vlm-merge wrote.

Usage: check_optuna_store.py FILE [--add]. Prints each study with its trials and best trial. --add also lets Optuna add one evaluated trial to
the first study, so that our reader can be tried on it. Needs `pip install optuna`.
"""
import sys

import optuna

optuna.logging.set_verbosity(optuna.logging.WARNING)
url = "sqlite:///" + sys.argv[1]
for number, summary in enumerate(optuna.get_all_study_summaries(url)):
    study = optuna.load_study(study_name=summary.study_name, storage=url)
    trials = study.get_trials()
    states = sorted({trial.state.name for trial in trials})
    print(f"{study.study_name}: {len(trials)} trials, states {states}, {study.directions}")
    print("  attributes:", sorted(study.user_attrs))
    complete = [trial for trial in trials if trial.state == optuna.trial.TrialState.COMPLETE]
    if complete and len(study.directions) == 1:
        best = study.best_trial
        print(f"  best: {best.number} {best.values} {best.params} {best.user_attrs}")
        print("  distributions:", best.distributions, "duration:", best.duration)
    if "--add" in sys.argv and number == 0 and complete:
        study.add_trial(
            optuna.trial.create_trial(
                params=complete[0].params, distributions=complete[0].distributions,
                values=[0.0] * len(study.directions)))
        print(f"  added trial {len(trials)}")
