# SPDX-License-Identifier: GPL-2.0
# For scripts/bench-plot, which sets output, name, kind (cost or ratio), series, cpus and work; for a
# ratio also shape, the end of each series' name.
set terminal svg size 480 * words(cpus) + 60, 440 dynamic background "white" font "sans-serif,12"
set output output
set datafile separator "\t"
set datafile missing "-"
set encoding utf8
set logscale x 2
set xtics rotate by -45 ("512" 512, "1K" 1024, "4K" 4096, "16K" 16384, "64K" 65536, "256K" 262144, "256K" 262144, "1M" 1048576, "16M" 16777216)
set xlabel "bytes of body"
set grid
set key top left

file(of, cpu) = work . "/" . of . "." . cpu
there(file) = int(system("test -s '" . file . "' && echo 1 || echo 0"))
# whether a column of it has any figure
has(file, column) = int(system("awk -F'\t' '$" . column . " != \"-\" { n = 1 } END { print n + 0 }' '" . file . "'"))
paths = "copy libra splice"

set multiplot layout 1, words(cpus) title name
if (kind eq "cost") {
	set logscale y 10
	set ylabel "thousands of instructions a request"
	# the same scale in all panels
	range = system("cat " . work . "/" . series . ".* | awk -F'\t' '{ for (i = 2; i <= 7; i++) if ($i != \"-\") { if (!n || $i < n) n = $i; if ($i > m) m = $i } } END { print n / 1500, m / 600 }'")
	set yrange [word(range, 1) + 0 : word(range, 2) + 0]
	do for [cpu in cpus] {
		set title cpu
		f = file(series, cpu)
		if (!there(f)) { f = "/dev/null" }
		columns = ""
		do for [column = 2:7] { if (f ne "/dev/null" && has(f, column)) { columns = columns . sprintf(" %d", column) } }
		if (columns ne "") {
			plot for [c in columns] f using 1:(column(c + 0) / 1000.0) with linespoints lw 2 \
				lc (c - 2) % 3 + 1 pt (c - 2) % 3 + 5 dt 1 + (c > 4) ps 0.6 \
				title word(paths, (c - 2) % 3 + 1) . (c > 4 ? ", whole guest" : "")
		}
	}
} else {
	set ylabel "copy / Libra"
	range = system("cat " . work . "/*.* | awk -F'\t' '$8 != \"-\" && $8 > m { m = $8 } END { print m * 1.1 }'")
	set yrange [0 : range + 0]
	do for [cpu in cpus] {
		set title cpu
		measured = ""
		do for [s in series] { if (there(file(s, cpu))) { measured = measured . " " . s } }
		if (measured ne "") {
			plot for [s in measured] file(s, cpu) using 1:8 with linespoints lw 2 ps 0.6 noenhanced title s[1 : strstrt(s, shape) - 1], \
				1 with lines lc "black" dt 3 notitle
		}
	}
}
unset multiplot
