"""One picture: the throughput that each tracer leaves, as bars. SVG that a page in light or dark can hold."""
import statistics
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 760, 290, 60
TOP, ROW, BAR = 56, 26, 14
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; font-size: 15px; }
.minor { fill: #59636e; font-size: 12px; }
.grid { stroke: #d1d9e0; }
.ours { fill: #1a7f37; }
.theirs { fill: #818b98; }
.spread { stroke: #1f2328; stroke-width: 1.5; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .minor { fill: #9198a1; }
  .grid { stroke: #3d444d; }
  .ours { fill: #3fb950; }
  .theirs { fill: #656c76; }
  .spread { stroke: #f0f6fc; }
}
"""


def at(ratio):
    """Where on the x axis; noise can take a ratio above 1."""
    return LEFT + (WIDTH - LEFT - RIGHT) * min(ratio, 1.05) / 1.05


def grid(bottom):
    lines = []
    for tenth in range(0, 11, 2):
        x = at(tenth / 10)
        lines.append(f'<line class="grid" x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{bottom}"/>'
                     f'<text class="minor" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{tenth / 10:g}</text>')
    return lines


def bar(y, row):
    ratios = [run['left'] for run in row['runs']]
    middle, kind = statistics.median(ratios), 'ours' if row['ours'] else 'theirs'
    low, high = at(min(ratios)), at(max(ratios))
    centre = y + ROW / 2
    return (f'<text x="{LEFT - 10}" y="{centre + 4.5:.1f}" text-anchor="end">{escape(row["name"])}</text>'
            f'<rect class="{kind}" x="{LEFT}" y="{centre - BAR / 2:.1f}" width="{at(middle) - LEFT:.1f}"'
            f' height="{BAR}" rx="2"/>'
            f'<line class="spread" x1="{low:.1f}" y1="{centre:.1f}" x2="{high:.1f}" y2="{centre:.1f}"/>'
            f'<text x="{WIDTH - RIGHT + 12}" y="{centre + 4.5:.1f}">{middle:.2f}</text>')


def picture(result):
    """Of the first scenario; the rows that leave most come first."""
    scenario, m = result['scenarios'][0], result['machine']
    rows = sorted(scenario['rows'], key=lambda row: -statistics.median(run['left'] for run in row['runs']))
    bottom = TOP + ROW * len(rows)
    note = f'{scenario["title"]}. Kernel {m["kernel"]}, {m["cpus"]} CPUs, {m["date"]}.'
    return '\n'.join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{bottom + 28}"'
        f' viewBox="0 0 {WIDTH} {bottom + 28}" role="img" aria-label="Throughput left under each tracer">',
        f'<style>{STYLE}</style>',
        '<text class="title" x="8" y="20">Connections per second under a tracer, without one: 1</text>',
        f'<text class="minor" x="8" y="38">{escape(note)}</text>',
        *grid(bottom), *(bar(TOP + ROW * i, row) for i, row in enumerate(rows)), '</svg>', ''])
