"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const color = (agent) => data.colors[agent];
  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const number = (value, digits = 3) => {
    if (value === null || value === undefined) return "-";
    const size = Math.abs(value);
    if (size >= 1000) return value.toLocaleString("en", { maximumFractionDigits: 0 });
    return size >= 10 ? value.toFixed(1) : value.toFixed(digits);
  };
  const signed = (value) => (value === null || value === undefined ? "-" : (value > 0 ? "+" : "") + number(value, 4));
  const element = (tag, text = "", className = "") => {
    const made = document.createElement(tag);
    made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const placed = (tip, box, x, y) => {
    tip.style.display = "block";
    const room = box.clientWidth - tip.offsetWidth - 4;
    tip.style.left = Math.max(0, Math.min(x + 14, room)) + "px";
    tip.style.top = y + 16 + "px";
  };
  const table = (rows) => {
    const made = element("table");
    for (const cells of rows) {
      const row = element("tr");
      for (const [text, key] of cells) {
        const cell = element("td");
        if (key) {
          const dot = element("span", "", "key");
          dot.style.background = key;
          cell.append(dot);
        }
        cell.append(text);
        row.append(cell);
      }
      made.append(row);
    }
    return made;
  };

  // Curves
  const hidden = new Set();
  let smooth = true;
  let drawn = [];
  const running = (values, window) =>
    values.map((_, i) => {
      const known = values.slice(Math.max(0, i - window + 1), i + 1).filter((value) => value !== null);
      return known.length ? known.reduce((a, b) => a + b, 0) / known.length : null;
    });
  function draw(box) {
    const chart = data.charts[box.dataset.chart];
    const host = box.querySelector(".plot");
    host.replaceChildren();
    const tip = box.querySelector(".tip");
    const steps = [...new Set(chart.lines.flatMap((line) => line.steps))].sort((a, b) => a - b);
    const lines = chart.lines.filter((line) => !hidden.has(line.agent));
    const columns = [steps];
    const series = [{}];
    const bands = [];
    const still = smooth && chart.smooth ? data.window : 1;
    for (const line of lines) {
      const at = new Map(line.steps.map((step, i) => [step, i]));
      const column = (name) => {
        const values = running(line[name], still);
        return steps.map((step) => (at.has(step) ? values[at.get(step)] : null));
      };
      const stroke = color(line.agent);
      columns.push(column("mean"), column("high"), column("low"));
      const edge = { stroke: "transparent", width: 0, points: { show: false }, spanGaps: true };
      series.push({ stroke, width: 2, spanGaps: true, points: { show: steps.length <= 12, size: 6 } }, edge, edge);
      const last = series.length - 1;
      bands.push({ series: [last - 1, last], fill: stroke + "26" });
    }
    const axis = { stroke: css("--soft"), grid: { stroke: css("--grid"), width: 1 }, ticks: { show: false } };
    const values = (self, splits) => splits.map((value) => (Math.abs(value) >= 1000 ? value / 1000 + "k" : +value.toPrecision(6)));
    const plot = new uPlot(
      {
        width: host.clientWidth, height: 220, series, bands, legend: { show: false },
        scales: { x: { time: false } },
        axes: [{ ...axis, size: 34, values }, { ...axis, size: 52, values }],
        cursor: { y: false, points: { show: false }, drag: { x: true, y: false } },
        hooks: {
          setCursor: [
            (self) => {
              const i = self.cursor.idx;
              if (i === null || i === undefined || self.cursor.left < 0) { tip.style.display = "none"; return; }
              const told = lines.map((line, k) => [line, self.data[3 * k + 1][i], self.data[3 * k + 3][i], self.data[3 * k + 2][i]])
                .filter((one) => one[1] !== null).sort((a, b) => b[1] - a[1]);
              if (!told.length) { tip.style.display = "none"; return; }
              tip.replaceChildren(element("b", "step " + number(steps[i], 0)), table(told.map(([line, mean, low, high]) => [
                [line.agent, color(line.agent)], [number(mean), ""],
                [line.seeds > 1 ? number(low) + " to " + number(high) : "", ""],
              ])));
              placed(tip, box, self.cursor.left + 52, self.cursor.top + 20);
            },
          ],
        },
      },
      columns, host,
    );
    return plot;
  }
  const boxes = [...document.querySelectorAll(".chart")];
  const redraw = () => {
    drawn.forEach((plot) => plot.destroy());
    drawn = boxes.map(draw);
  };
  document.querySelectorAll("[data-agent]").forEach((chip) =>
    chip.addEventListener("click", () => {
      const agent = chip.dataset.agent;
      hidden.has(agent) ? hidden.delete(agent) : hidden.add(agent);
      chip.setAttribute("aria-pressed", String(!hidden.has(agent)));
      redraw();
    }),
  );
  const smoothing = document.getElementById("smooth");
  if (smoothing)
    smoothing.addEventListener("click", () => {
      smooth = !smooth;
      smoothing.setAttribute("aria-pressed", String(smooth));
      redraw();
    });
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) { width = innerWidth; redraw(); }
  });

  // Token credit
  const heat = document.getElementById("heat");
  if (heat) {
    const rows = heat.querySelector(".rows");
    const tip = heat.querySelector(".tip");
    const which = document.getElementById("response");
    const by = document.getElementById("by");
    const picked = (row) => {
      const name = by.value;
      if (name === "credit") return row.credit ? ["credit", row.credit] : row.shown;
      if (name === "D") { const first = Object.entries(row.gains)[0]; return first ? ["D, " + first[0], first[1]] : null; }
      if (name === "weight") return row.weight ? ["weight less 1", row.weight.map((w) => w - 1)] : null;
      return ["log p of the student", row.student];
    };
    const show = () => {
      const one = data.heatmaps[which.value];
      rows.replaceChildren();
      tip.style.display = "none";
      for (const row of one.rows) {
        const line = element("div", "", "row");
        const who = element("div", "", "who");
        const dot = element("span", "", "key");
        dot.style.background = color(row.agent);
        who.append(dot, element("b", row.agent));
        const told = picked(row);
        const tokens = element("div", "", "tokens");
        if (!told) {
          who.append(element("span", "has none", "soft"));
          tokens.append(element("span", "this method keeps no such number"));
          tokens.className = "soft small";
        } else {
          const scale = Math.max(...told[1].map(Math.abs), 1e-12);
          who.append(element("span", told[0] + ", A = " + signed(row.advantage), "soft"), element("span", "from " + signed(Math.min(...told[1])) + " to " + signed(Math.max(...told[1])), "soft"));
          one.tokens.forEach((text, i) => {
            const token = element("span", text.replaceAll("\n", "\u21b5\n"));
            const value = told[1][i];
            token.style.background = `rgba(var(${value >= 0 ? "--up" : "--down"}), ${(0.75 * Math.abs(value)) / scale})`;
            token.dataset.i = i;
            token.dataset.agent = row.agent;
            tokens.append(token);
          });
        }
        line.append(who, tokens);
        rows.append(line);
      }
    };
    const tell = (event) => {
      const token = event.target.closest(".tokens span[data-i]");
      heat.querySelectorAll("span.on").forEach((other) => other.classList.remove("on"));
      if (!token) { tip.style.display = "none"; return; }
      const i = +token.dataset.i;
      const one = data.heatmaps[which.value];
      const row = one.rows.find((other) => other.agent === token.dataset.agent);
      heat.querySelectorAll(`span[data-i="${i}"]`).forEach((same) => same.classList.add("on"));
      const lines = [
        [["token " + i, ""], [JSON.stringify(one.tokens[i]), ""]],
        [["log p, student", ""], [number(row.student[i], 4), ""]],
        ...Object.entries(row.gains).map(([name, gain]) => [["D, " + name, ""], [signed(gain[i]), ""]]),
        [["w", ""], [row.weight ? number(row.weight[i], 4) : "-", ""]],
        [["A", ""], [signed(row.advantage), ""]],
        [["credit", ""], [row.credit ? signed(row.credit[i]) : "none: matches distributions", ""]],
        ...Object.entries(row.values).map(([name, values]) => [[name, ""], [signed(values[i]), ""]]),
      ];
      tip.replaceChildren(element("b", row.agent), table(lines));
      const box = heat.getBoundingClientRect();
      const at = token.getBoundingClientRect();
      placed(tip, heat, at.left - box.left, at.bottom - box.top - 8);
    };
    heat.addEventListener("pointerover", tell);
    heat.addEventListener("click", tell);
    which.addEventListener("change", show);
    by.addEventListener("change", show);
    show();
  }
  redraw();
})();
