"""Figures from text: a drawing of `+ - | < > ^ v` and words becomes SVG, character for character, so that what
is committed can be read in a terminal and is printed with lines."""
import html

WIDTH, HEIGHT = 8, 16  # of a character's cell
SIZE = 13.2  # of the letters: DejaVu Sans Mono is 0.602 as wide
HEAD = 4  # half an arrow's head
ACROSS, DOWN = "-+<>", "|+^v"


class Grid:
    """The drawing, with blanks around it."""

    def __init__(self, text):
        self.lines = [line.rstrip() for line in text.expandtabs(8).split("\n")]
        while self.lines and not self.lines[-1]:
            self.lines.pop()
        self.columns = max(map(len, self.lines), default=0)

    def at(self, row, column):
        """The character there."""
        inside = 0 <= row < len(self.lines) and 0 <= column < len(self.lines[row])
        return self.lines[row][column] if inside else " "

    def neighbours(self, row, column):
        """Left, right, above, below."""
        return (self.at(row, column - 1), self.at(row, column + 1), self.at(row - 1, column), self.at(row + 1, column))

    def is_line(self, row, column):
        """Which of left, right, up, down a stroke leads to from here; None: it is text."""
        char = self.at(row, column)
        left, right, above, below = self.neighbours(row, column)
        if char == "-" and (left in ACROSS or right in ACROSS or "|" in (left, right)):
            return (True, True, False, False)
        if char == "|" and (above in DOWN + "-" or below in DOWN + "-"):
            return (False, False, True, True)
        if char == "+":
            ends = (left in "-+<", right in "-+>", above in "|+^", below in "|+v")
            return ends if any(ends) else None
        if char == ">" and left in "-+|":
            return (True, False, False, False)
        if char == "<" and right in "-+|":
            return (False, True, False, False)
        if char == "v" and above in "|+" and not (left + right).strip().isalnum():
            return (False, False, True, False)
        if char == "^" and below in "|+":
            return (False, False, False, True)
        return None


def strokes(grid):
    """SVG of all lines and heads of arrows."""
    out = []
    for row in range(len(grid.lines)):
        for column in range(grid.columns):
            ends = grid.is_line(row, column)
            if not ends:
                continue
            x, y = column * WIDTH + WIDTH / 2, row * HEIGHT + HEIGHT / 2
            char = grid.at(row, column)
            reach = ((-WIDTH / 2, 0), (WIDTH / 2, 0), (0, -HEIGHT / 2), (0, HEIGHT / 2))
            for there, (dx, dy) in zip(ends, reach):
                if there:
                    out.append(f'<path d="M{x:g} {y:g}l{dx:g} {dy:g}"/>')
            if char in "<>":
                tip, back = (x + WIDTH / 2, -WIDTH) if char == ">" else (x - WIDTH / 2, WIDTH)
                out.append(f'<path class="head" d="M{tip:g} {y:g}l{back:g} {-HEAD}v{2 * HEAD}z"/>')
            elif char in "^v":
                tip, back = (y + HEIGHT / 2, -WIDTH) if char == "v" else (y - HEIGHT / 2, WIDTH)
                out.append(f'<path class="head" d="M{x:g} {tip:g}l{-HEAD} {back}h{2 * HEAD}z"/>')
    return out


def words(grid):
    """SVG of all text: one element for each run without two blanks in it."""
    out = []
    for row in range(len(grid.lines)):
        kept = "".join(" " if grid.is_line(row, column) else grid.at(row, column) for column in range(grid.columns))
        column = 0
        while column < len(kept):
            if kept[column] == " ":
                column += 1
                continue
            end = kept.find("  ", column)
            end = len(kept) if end < 0 else end
            text = kept[column:end].rstrip()
            out.append(f'<text x="{column * WIDTH}" y="{row * HEIGHT + 12}">{html.escape(text)}</text>')
            column = end
    return out


def is_figure(text):
    """Whether a block without a language is a drawing: it has boxes, or an arrow beside another stroke."""
    if "+--" in text and ("|" in text or "->" in text):
        return True
    grid = Grid(text)
    marks = [grid.at(row, column) for row in range(len(grid.lines)) for column in range(grid.columns)
             if grid.at(row, column) in "|<>^v" and grid.is_line(row, column)]
    return any(mark in "<>^v" for mark in marks) and "|" in marks


def svg(text):
    """The drawing as an SVG element on one line."""
    grid = Grid(text)
    width, height = grid.columns * WIDTH, len(grid.lines) * HEIGHT
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width * 0.8:g}" '
            f'height="{height * 0.8:g}" font-family="DejaVu Sans Mono, monospace" font-size="{SIZE}" fill="none" '
            'stroke="none"><style>path{stroke:#222;stroke-width:1.2;stroke-linecap:square}'
            '.head{fill:#222;stroke:none}text{fill:#222;white-space:pre}</style>'
            + "".join(strokes(grid)) + "".join(words(grid)) + "</svg>")
