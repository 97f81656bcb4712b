#!/usr/bin/env python3
"""The pickles of MultiBench (Liang et al. 2021) as .npy files that indiseek's programs read.  Needs numpy alone.

    multibench_to_npy.py mosi_data.pkl mosi            CMU-MOSI; also mosei_senti_data.pkl, humor.pkl, sarcasm.pkl
    multibench_to_npy.py im.pk mimic                   MIMIC-III: 5 static values and 24 x 12 series

What is written to the folder
    vision.npy, text.npy     [n, T, features] float32; with --pool [n, features], means over the valid steps
    static.npy, series.npy   the same of MIMIC, [n, 5] and [n, 24, 12]
    lengths.npy              [n] int32: steps that are valid; what follows them is zero
    labels.npy               [n] int32, or [n, tasks]
    split.npy                [n] int32: 0 train, 1 validation, 2 test

Rules, those of MultiBench's and FactorCL's loaders
    A sample whose text is zero throughout is dropped.  All modalities of a sample are cut from its first step with
    text, and padded with zeros at the end, to the longest sample of the file.  -inf becomes 0.  Samples stand in the
    order train, valid, test.  Sentiment is class 1 when y >= 0 (FactorCL, as the paper has it) or when y > 0 (MultiBench);
    humour and sarcasm are class 1 when y > 0.
    MIMIC: nan and inf become 0; static values are z-scored by column and series by channel over all patients and steps;
    samples are shuffled by Python's generator of seed 10; the first tenth is validation, the next one test.

A pickle is a program: opening one can run any code that whoever made it put there.  So only arrays and plain values are
unpacked here, and anything else ends with an error; --trust lifts that, for files whose origin you trust.
"""
import argparse
import os
import pickle
import random
import sys

try:
    import numpy
except ImportError:
    sys.exit("multibench_to_npy.py: numpy is missing; pip install numpy, or apt-get install python3-numpy")

SPLITS = ("train", "valid", "test")
SENTIMENT = ("mosi", "mosei")
PLAIN = {"builtins": ("bytearray", "complex", "list", "dict", "tuple", "set", "bytes", "str", "int", "float", "slice"),
         "_codecs": ("encode",), "collections": ("OrderedDict",), "numpy": ("ndarray", "dtype")}
ARRAYS = ("_reconstruct", "scalar", "_frombuffer")          # of numpy.core and its parts


class Fault(Exception):
    """A sentence for the user."""


class Arrays(pickle.Unpickler):
    """Arrays and plain values only."""

    def find_class(self, module, name):
        plain = "builtins" if module == "__builtin__" else module
        if name in PLAIN.get(plain, ()) or (module.startswith(("numpy.core.", "numpy._core.")) and name in ARRAYS):
            return super().find_class(module, name)
        raise Fault("%s.%s is no array or plain value; the pickle would run code (--trust lets it)" % (module, name))


def load(path, trust):
    with open(path, "rb") as file:
        try:
            return (pickle.Unpickler if trust else Arrays)(file, encoding="latin1").load()
        except Fault:
            raise
        except Exception as error:      # whatever a damaged pickle may raise
            raise Fault("is no pickle that can be read: %s" % error)


def member(data, name, where):
    if not isinstance(data, dict) or name not in data:
        raise Fault("%s has no '%s'; is it a file of MultiBench?" % (where, name))
    return data[name]


# ---- MOSI, MOSEI, UR-FUNNY, MUsTARD ---------------------------------------------------------------------------------

def labels_of(values, rule):
    """Class 1 by y >= 0 or y > 0; of several values a sample the first, which is the sentiment."""
    first = numpy.asarray(values, dtype=numpy.float64).reshape(len(values), -1)[:, 0]
    return (first >= 0 if rule == "ge" else first > 0).astype(numpy.int32)


def finite(values, name, split):
    """-inf as 0; any other value that is not finite is a fault."""
    values = numpy.array(values, dtype=numpy.float32)
    values[numpy.isneginf(values)] = 0
    wrong = numpy.argwhere(~numpy.isfinite(values))
    if len(wrong):
        raise Fault("%s, %s: sample %d, step %d, feature %d is %s" % (
            split, name, *(wrong[0][:3] + 1), values[tuple(wrong[0])]))
    return values


def sequences(data, modalities, rule):
    """Per modality a list of [steps, features]; labels; split; how many samples were dropped."""
    views, labels, split, dropped = {name: [] for name in modalities}, [], [], 0
    for part, name in enumerate(SPLITS):
        content = member(data, name, "the pickle")
        found = {each: finite(member(content, each, name), each, name) for each in {*modalities, "text"}}
        for each, values in found.items():
            if values.ndim != 3 or len(values) != len(found["text"]) or values.shape[1] != found["text"].shape[1]:
                raise Fault("%s, %s: is %s where text is %s; both must be [samples, steps, features]" % (
                    name, each, list(values.shape), list(found["text"].shape)))
        classes = labels_of(member(content, "labels", name), rule)
        if len(classes) != len(found["text"]):
            raise Fault("%s: has %d labels for %d samples" % (name, len(classes), len(found["text"])))
        for i, text in enumerate(found["text"]):
            steps = numpy.flatnonzero(text.any(axis=1))
            if not len(steps):
                dropped += 1
                continue
            for each in modalities:
                views[each].append(found[each][i, steps[0]:])
            labels.append(classes[i])
            split.append(part)
    if not labels:
        raise Fault("no sample has text")
    return views, numpy.array(labels, numpy.int32), numpy.array(split, numpy.int32), dropped


def padded(samples):
    """[n, T, features] with zeros at the end, and the lengths."""
    lengths = numpy.array([len(each) for each in samples], numpy.int32)
    out = numpy.zeros((len(samples), lengths.max(), samples[0].shape[1]), numpy.float32)
    for i, each in enumerate(samples):
        out[i, :len(each)] = each
    return out, lengths


def pooled(values, lengths):
    """Means over the valid steps."""
    return (values.sum(axis=1, dtype=numpy.float64) / lengths[:, None]).astype(numpy.float32)


def convert_affect(data, options):
    modalities = options.modalities.split(",")
    unknown = sorted(set(modalities) - {"vision", "audio", "text"})
    if unknown or len(set(modalities)) != len(modalities):
        raise Fault("--modalities is %s; it must name vision, audio or text, each once" % options.modalities)
    rule = options.rule if options.kind in SENTIMENT else "gt"
    views, labels, split, dropped = sequences(data, modalities, rule)
    files = {}
    for name in modalities:
        values, lengths = padded(views[name])
        files[name] = pooled(values, lengths) if options.pool else values
    files.update(labels=labels, split=split)
    if not options.pool:
        files["lengths"] = lengths
    return files, "%d samples without text were dropped" % dropped if dropped else ""


# ---- MIMIC ----------------------------------------------------------------------------------------------------------

def zscore(values, axes):
    values = numpy.array(values, dtype=numpy.float64)
    values[~numpy.isfinite(values)] = 0
    deviation = values.std(axis=axes)
    return ((values - values.mean(axis=axes)) / numpy.where(deviation > 0, deviation, 1)).astype(numpy.float32)


def mortality(columns):
    """0: none of the columns from 1 on is positive; else the first of them that is."""
    positive = numpy.asarray(columns)[:, 1:6] > 0
    return numpy.where(positive.any(axis=1), positive.argmax(axis=1) + 1, 0).astype(numpy.int32)


def convert_mimic(data, options):
    series = zscore(member(data, "ep_tdata", "the pickle"), (0, 1))
    static = zscore(member(data, "adm_features_all", "the pickle"), 0)
    if options.task == -1:
        labels = mortality(member(data, "adm_labels_all", "the pickle"))
    else:
        groups = numpy.asarray(member(data, "y_icd9", "the pickle"))
        if options.task is not None and not 0 <= options.task < groups.shape[1]:
            raise Fault("--task is %d; it must be -1 (mortality) or lie between 0 and %d" % (
                options.task, groups.shape[1] - 1))
        labels = (groups if options.task is None else groups[:, options.task]).astype(numpy.int32)
    if not len(labels) == len(series) == len(static):
        raise Fault("it has %d labels, %d series and %d rows of static values" % (
            len(labels), len(series), len(static)))
    order, count = list(range(len(labels))), len(labels)
    random.seed(10)
    random.shuffle(order)
    split = numpy.zeros(count, numpy.int32)
    split[:count // 10] = 1
    split[count // 10:count // 5] = 2
    lengths = numpy.full(count, series.shape[1], numpy.int32)
    files = {"static": static[order], "series": series[order], "labels": labels[order], "split": split}
    if options.pool:
        files["series"] = pooled(files["series"], lengths)
    else:
        files["lengths"] = lengths
    return files, ""


# ---- the program ----------------------------------------------------------------------------------------------------

def kind_of(path, data):
    """What the pickle holds, by its content and, for MOSI and MOSEI against UR-FUNNY and MUsTARD, by its name."""
    name = os.path.basename(path).lower()
    if isinstance(data, dict) and "ep_tdata" in data:
        return "mimic"
    for kind in ("mosei", "mosi", "humor", "sarcasm"):
        if kind in name:
            return kind
    raise Fault("which of mosi, mosei, humor, sarcasm is it?  Its name does not say; --kind does")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pickle", help="the file of MultiBench")
    parser.add_argument("folder", help="where the .npy files go; made if missing")
    parser.add_argument("--kind", choices=("mosi", "mosei", "humor", "sarcasm", "mimic"),
                        help="else told by name and content")
    parser.add_argument("--rule", choices=("ge", "gt"), default="ge",
                        help="sentiment is class 1 when y >= 0, or y > 0 [ge]")
    parser.add_argument("--modalities", default="vision,text", metavar="LIST",
                        help="of vision, audio, text [vision,text]")
    parser.add_argument("--task", type=int,
                        help="MIMIC: an ICD-9 group 0 .. 19, or -1 for mortality [all groups, side by side]")
    parser.add_argument("--pool", action="store_true",
                        help="means over the valid steps, for programs that take vectors")
    parser.add_argument("--trust", action="store_true", help="unpack whatever is in the pickle, running the code in it")
    options = parser.parse_args()
    try:
        data = load(options.pickle, options.trust)
        options.kind = options.kind or kind_of(options.pickle, data)
        files, remark = (convert_mimic if options.kind == "mimic" else convert_affect)(data, options)
        os.makedirs(options.folder, exist_ok=True)
        for name, values in files.items():
            numpy.save(os.path.join(options.folder, name + ".npy"), numpy.ascontiguousarray(values))
            print("%-12s %-16s %s" % (name + ".npy", list(values.shape), values.dtype))
    except (Fault, OSError) as fault:
        sys.exit("multibench_to_npy.py: %s: %s" % (options.pickle, fault))
    parts = [int((files["split"] == part).sum()) for part in range(3)]
    print("%d train, %d validation, %d test%s" % (*parts, "; " + remark if remark else ""))


if __name__ == "__main__":
    main()
