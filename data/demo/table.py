#!/usr/bin/python3
"""The demo's table: what each run gained, forgot and retained.

    /usr/bin/python3 data/demo/table.py FOLDER SEED...

Reads FOLDER/seed-N/{base,plain,kept}/evaluation.jsonl and FOLDER/floor.json. Retrieval is the mean of
picture to caption and caption to picture. Gained: after a domain's own stage minus before it.
Forgotten: after its own stage (base domains: before the first) minus at the end. Retained: the end as
a share of that. Ends with 1 when the run that keeps forgot no less than plain fine-tuning in a seed.
"""
import json
import sys

DOMAINS = ("emoji", "openclipart", "photo", "fashion")
BASE_DOMAINS = DOMAINS[:2]
STAGES = ("photo", "fashion")
MEASURES = {"emoji": ("R@1", "R@5"), "openclipart": ("R@1", "R@5"), "photo": ("R@1", "R@5"), "fashion": ("acc1",)}


def scores_of(folder):
    """{moment: {(domain, measure): percent}}; moments are "start" and the stages' names."""
    result = {}
    with open(folder + "/evaluation.jsonl", encoding="utf-8") as f:
        for line in f:
            entry = json.loads(line)
            row = result.setdefault(entry["after"], {})
            for measure in MEASURES[entry["set"]]:
                names = [measure] if measure in entry else [
                    f"image_to_text_{measure}", f"text_to_image_{measure}"]
                row[entry["set"], measure] = 100 * sum(entry[name] for name in names) / len(names)
    return result


def tested(folder):
    """How many samples each domain was measured on, in words."""
    with open(folder + "/evaluation.jsonl", encoding="utf-8") as f:
        counts = {entry["set"]: entry["num_samples"] for entry in map(json.loads, f)}
    return ", ".join(f"{counts[domain]} {domain}" for domain in DOMAINS)


def mean(rows):
    return {key: sum(row[key] for row in rows) / len(rows) for key in rows[0]}


COLUMNS = [(domain, measure) for domain in DOMAINS for measure in MEASURES[domain]]


def line(label, row, form="{:7.1f}"):
    cells = [form.format(row[key]) if row.get(key) is not None else "      -" for key in COLUMNS]
    print(f"  {label:<34}" + " ".join(cells))


def heading():
    print(f"\n  {'percent':<34}" + " ".join(f"{d[:7]:>7}" for d, _ in COLUMNS))
    print(f"  {'':<34}" + " ".join(f"{m:>7}" for _, m in COLUMNS))


def summary(run):
    """gained, forgotten and retained by column, from the scores of one run"""
    gained, forgotten, retained = {}, {}, {}
    moments = ("start",) + STAGES
    for key in COLUMNS:
        before, end = run["start"][key], run[STAGES[-1]][key]
        best = before
        if key[0] in STAGES:
            own = moments.index(key[0])
            best = run[moments[own]][key]
            gained[key] = best - run[moments[own - 1]][key]
        if key[0] != STAGES[-1]:
            forgotten[key] = best - end
            retained[key] = 100 * end / best if best else None
    return gained, forgotten, retained


def lost(run):
    """Points forgotten on the base domains, the mean of R@1 and R@5."""
    keys = [key for key in COLUMNS if key[0] in BASE_DOMAINS]
    forgotten = summary(run)[1]
    return sum(forgotten[key] for key in keys) / len(keys)


def main():
    folder, seeds = sys.argv[1], sys.argv[2:]
    runs = {name: [scores_of(f"{folder}/seed-{seed}/{name}") for seed in seeds] for name in ("base", "plain", "kept")}
    base = mean([run["base"] for run in runs["base"]])
    with open(folder + "/floor.json", encoding="ascii") as f:
        floor = {(d, m): 100 * v for d, row in json.load(f).items() for m, v in row.items()}

    print(f"\nMean of {len(seeds)} seed{'s' if len(seeds) > 1 else ''}; unseen test pairs:"
          f" {tested(f'{folder}/seed-{seeds[0]}/base')}.")
    heading()
    line("pixels and words alone (floor)", floor)
    line("base model, from scratch", base)
    titles = {"plain": "plain fine-tuning", "kept": "distillation and consistency"}
    for name, title in titles.items():
        moments = {m: mean([run[m] for run in runs[name]]) for m in ("start",) + STAGES}
        print(f"\n  {title}")
        for stage in STAGES:
            line(f"  after {stage}", moments[stage])
        gained, forgotten, retained = summary(moments)
        line("  gained", gained, "{:+7.1f}")
        line("  forgotten", forgotten, "{:+7.1f}")
        line("  retained", retained)

    print("\n  Forgotten on the base domains (mean of R@1 and R@5), and gained on photo (the same mean) and fashion:")
    wins = 0
    for i, seed in enumerate(seeds):
        parts = []
        for name in titles:
            gained = summary(runs[name][i])[0]
            photo = (gained["photo", "R@1"] + gained["photo", "R@5"]) / 2
            parts.append(f"{name} {lost(runs[name][i]):5.1f} forgotten,"
                         f" {photo:+5.1f} {gained['fashion', 'acc1']:+5.1f} gained")
        wins += lost(runs["kept"][i]) < lost(runs["plain"][i])
        print(f"    seed {seed}: " + "; ".join(parts))
    print(f"  Less forgotten with the continual methods in {wins} of {len(seeds)} seeds.")
    sys.exit(0 if wins == len(seeds) else 1)


if __name__ == "__main__":
    main()
