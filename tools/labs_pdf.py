#!/usr/bin/env python3
"""`make labs-pdf`: the handouts (labs/README.md, labs/NAME/README.md, and labs/INSTRUCTOR.md where it is) as HTML and
PDF in build/labs-pdf/. pandoc makes HTML of the Markdown, weasyprint paper of the HTML; drawings in a block without a
language become SVG (lib/figure.py), and so does labs/NAME/FIGURE.dot where a handout shows FIGURE.svg."""
import argparse
import html
import os
import re
import subprocess
import sys

from lib import figure

OUTPUT = "build/labs-pdf"
KIT = "labs/kit"
LONG = 40  # lines: such a block may be broken between pages


def pages(wanted):
    """(source, name of the output without its ending)."""
    found = [("labs/README.md", "README"), ("labs/INSTRUCTOR.md", "INSTRUCTOR")]
    found += [(f"labs/{name}/README.md", name) for name in sorted(os.listdir("labs"))]
    return [page for page in found if os.path.exists(page[0]) and (not wanted or page[1] in wanted)]


def drawn(match):
    """A fenced block: without a language it may be a drawing; else what it was."""
    language, text = match.groups()
    return f"\n<figure>{figure.svg(text)}</figure>\n" if not language and figure.is_figure(text) else match.group(0)


def graph(folder, match):
    """![caption](NAME.svg) whose text is NAME.dot: the picture itself, with its caption."""
    source = os.path.join(folder, match.group(2) + ".dot")
    if not os.path.exists(source):
        raise SystemExit(f"{folder}/README.md shows {match.group(2)}.svg, and there is no {source}")
    picture = subprocess.run(["dot", "-Tsvg", source], stdout=subprocess.PIPE, text=True, check=True).stdout
    picture = re.sub(r"\s*\n\s*", " ", picture[picture.index("<svg"):])
    caption = match.group(1)
    return f"\n<figure>{picture}<figcaption>{html.escape(caption)}</figcaption></figure>\n"


def prepare(text, folder):
    """The Markdown with its figures in it."""
    text = re.sub(r"(?ms)^```(\w*)\n(.*?)^```$", drawn, text)
    return re.sub(r"(?m)^!\[([^]]*)\]\(([\w-]+)\.svg\)$", lambda match: graph(folder, match), text)


def title_of(text):
    """The first heading."""
    match = re.search(r"(?m)^# (.*)$", text)
    return re.sub(r"[`*]", "", match.group(1)) if match else "Trivisor"


def moved(source, target):
    """A link of a handout's as one of build/labs-pdf/: another handout's page, or the file in the tree."""
    if re.match(r"[a-z]+:|#", target):
        return target
    path, _, part = target.partition("#")
    path = os.path.normpath(os.path.join(os.path.dirname(source), path))
    page = next((name for known, name in pages([]) if known == path), None)
    return (f"{page}.html" if page else os.path.relpath(path, OUTPUT)) + ("#" + part if part else "")


def make_html(source):
    """A handout as one HTML text that needs no other file."""
    with open(source, encoding="utf-8") as file:
        text = file.read()
    with open(f"{KIT}/print.css", encoding="utf-8") as file:
        style = file.read()
    done = subprocess.run(["pandoc", "-f", "gfm", "-t", "html5", "-s", "--template", f"{KIT}/page.html",
                           "--highlight-style", "pygments", "-M", f"pagetitle={title_of(text)}", "-V",
                           f"stylesheet={style}"], input=prepare(text, os.path.dirname(source)),
                          stdout=subprocess.PIPE, text=True, check=True)
    page = re.sub(r'(<a href=")([^"]+)(")', lambda m: m.group(1) + moved(source, m.group(2)) + m.group(3), done.stdout)
    page = re.sub(r"<colgroup>.*?</colgroup>", "", page, flags=re.S)  # columns as wide as they need
    return re.sub(r"(<pre)((?: class=\"[^\"]*\")?>)(.*?)(</pre>)", mark_long, page, flags=re.S)


def mark_long(match):
    """A block of many lines may go on on the next page."""
    if match.group(3).count("\n") < LONG:
        return match.group(0)
    return f'{match.group(1)} style="break-inside: auto"{match.group(2)}{match.group(3)}{match.group(4)}'


def for_paper(page):
    """Paper has no files beside it: only links out of the tree and within the page stay links. Hints are open."""
    page = re.sub(r'<a href="(?![a-z]+:|#)[^"]*"[^>]*>(.*?)</a>', r"\1", page, flags=re.S)
    return page.replace("<details>", "<details open>")


def main():
    """Makes the pages named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lab", default="", help="only this one")
    chosen = pages(parser.parse_args().lab.split())
    if not chosen:
        print("There is no such lab: see labs/order.")
        return 1
    os.makedirs(OUTPUT, exist_ok=True)
    for source, name in chosen:
        page = make_html(source)
        with open(f"{OUTPUT}/{name}.html", "w", encoding="utf-8") as file:
            file.write(page)
        subprocess.run(["weasyprint", "-q", "-", f"{OUTPUT}/{name}.pdf"], input=for_paper(page), text=True, check=True)
        print(f"{source} -> {OUTPUT}/{name}.html, {name}.pdf", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
