using Gateway.Load;
using Gateway.Load.Machine;
using Gateway.Load.Reports;
using Gateway.Load.Reports.Html;
using Gateway.Load.Results;
using Gateway.Load.Running;
using Gateway.Load.Scenarios;
using Gateway.Load.Statistics;

namespace Gateway.UnitTests.Load.Reports;

public sealed class ReportTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gateway-load");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Read_WhatWasWritten_IsTheSame()
    {
        LoadReport report = Report("a", seed: 1);
        string prefix = Path.Combine(_folder.FullName, "new", "report");

        IReadOnlyList<string> written = ReportFiles.Write(report, prefix, out IReadOnlyList<string> problems);

        Assert.Empty(problems);
        Assert.Equal(4, written.Count);
        LoadReport read = ReportJson.Read(prefix + ".json");
        Assert.Equal(ReportJson.Write(report), ReportJson.Write(read));
        Assert.DoesNotContain(Directory.EnumerateFiles(Path.Combine(_folder.FullName, "new")), path => path.EndsWith(".unfinished", StringComparison.Ordinal));
    }

    [Fact]
    public void Write_FolderThatCannotBeWritten_SaysSoForEachFile()
    {
        IReadOnlyList<string> written = ReportFiles.Write(Report("a", 1), "/proc/nowhere/report", out IReadOnlyList<string> problems);

        Assert.Empty(written);
        Assert.Equal(4, problems.Count);
        Assert.All(problems, problem => Assert.StartsWith("/proc/nowhere/report.", problem));
    }

    [Fact]
    public void Write_DiskIsFull_LeavesTheOldReport()
    {
        // A device that has no room for a single byte stands for a disk without any.
        string path = Path.Combine(_folder.FullName, "report.json");
        File.WriteAllText(path, "old");
        File.CreateSymbolicLink($"{path}.unfinished", "/dev/full");

        Assert.False(ReportFiles.TryWrite(path, new byte[100_000], out string? problem));

        Assert.Contains("No space left", problem);
        Assert.Equal("old", File.ReadAllText(path));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[1,2]")]
    [InlineData("{\"format\":\"other\",\"kind\":\"run\",\"started\":\"2026-01-01T00:00:00Z\",\"command\":\"\",\"machine\":{}}")]
    public void Read_WhatIsNoReport_SaysSo(string text)
    {
        string path = Path.Combine(_folder.FullName, "x.json");
        File.WriteAllText(path, text);

        LoadException exception = Assert.Throws<LoadException>(() => ReportJson.Read(path));

        Assert.Contains("is no report of gateway-load", exception.Message);
    }

    [Fact]
    public void Read_ReportsWithRandomMistakes_AreReadOrRefused()
    {
        byte[] good = ReportJson.Write(Report("a", 1));
        string path = Path.Combine(_folder.FullName, "x.json");
        Random random = new(12);
        for (int i = 0; i < 500; i++)
        {
            byte[] bad = [.. good];

            // Near the start, where the names are: most of the file is numbers.
            for (int j = random.Next(4); j >= 0; j--) bad[random.Next(Math.Min(bad.Length, 1500))] = (byte)"0123456789-{}[],:\"null"[random.Next(22)];
            File.WriteAllBytes(path, bad);
            try
            {
                LoadReport report = ReportJson.Read(path);
                HtmlReport.Write(report);
                ReportMarkdown.Write(report);
            }
            catch (LoadException exception)
            {
                Assert.Equal(ExitCode.BadSettings, exception.ExitCode);
            }
        }
    }

    [Fact]
    public void Merge_TwoProcesses_AddsCountsAndHistograms()
    {
        LoadReport one = Report("a", 1);
        LoadReport other = Report("a", 2) with { Started = one.Started + TimeSpan.FromSeconds(2) };

        LoadReport merged = Merging.Merge([one, other], "merge");

        ScenarioResult scenario = Assert.Single(merged.Scenarios);
        Assert.Equal(2, merged.Processes);
        Assert.Equal(one.Scenarios[0].Answered + other.Scenarios[0].Answered, scenario.Answered);
        LatencyHistogram both = one.Scenarios[0].Latency.ToHistogram();
        both.Add(other.Scenarios[0].Latency);
        Assert.Equal(both.Nanoseconds(0.99), scenario.Latency.ToHistogram().Nanoseconds(0.99));
        Assert.Equal(one.Scenarios[0].Throughput + other.Scenarios[0].Throughput, scenario.Throughput, 6);
        Assert.Equal(6, Assert.Single(scenario.Kinds).Count);
    }

    [Fact]
    public void Merge_WhatDoesNotBelongTogether_IsRefusedOrSaid()
    {
        LoadReport one = Report("a", 1);
        LoadReport other = Report("a", 2);

        Assert.Contains("the same", Assert.Throws<LoadException>(() => Merging.Merge([one, Report("a", 1)], "merge")).Message);
        LoadReport elsewhere = other with { Scenarios = [other.Scenarios[0] with { Target = "http://elsewhere:8000" }] };
        Assert.Contains("not the same: http-binary to http://localhost:8000, open; http-binary to http://elsewhere:8000, open", Assert.Throws<LoadException>(() => Merging.Merge([one, elsewhere], "merge")).Message);
        LoadReport otherModel = other with { Scenarios = [other.Scenarios[0] with { Models = ["b"] }] };
        Assert.Throws<LoadException>(() => Merging.Merge([one, otherModel], "merge"));
        LoadReport later = other with { Started = one.Started + TimeSpan.FromSeconds(11) };
        Assert.Contains("not at the same time", Assert.Single(Merging.Merge([one, later], "merge").Warnings));
        Assert.Contains("together for only 10 % of the longest", Assert.Single(Merging.Merge([one, other with { Started = one.Started + TimeSpan.FromSeconds(9) }], "merge").Warnings));
        Assert.Empty(Merging.Merge([one, other with { Started = one.Started + TimeSpan.FromSeconds(0.4) }], "merge").Warnings);
    }

    [Fact]
    public void Merge_RunsThatBeganApart_AreLaidWhereTheirLoadWas()
    {
        // The second program was started first, but its load began three seconds later.
        LoadReport one = Report("a", 1) with { LoadStarted = DateTimeOffset.UnixEpoch + TimeSpan.FromSeconds(5) };
        LoadReport other = Report("a", 2) with { Started = one.Started - TimeSpan.FromSeconds(9), LoadStarted = one.LoadStarted + TimeSpan.FromSeconds(3), Server = new ServerResult("", 1, 1, 1, [], [], [], [new ServerPoint(2, 1, 1, 1, 1, 1, 1, 1)]) };

        LoadReport merged = Merging.Merge([other, one], "merge");

        Assert.Equal(one.LoadStarted, merged.LoadStarted);
        Assert.Equal([0, 3], Assert.Single(merged.Scenarios).Intervals.Select(interval => interval.Index));
        Assert.Equal(5, Assert.Single(merged.Server!.Points).Seconds);
        Assert.Contains("together for only 70 %", Assert.Single(merged.Warnings));
    }

    [Theory]
    [InlineData(1, 1, true)]
    [InlineData(1, 2, false)]
    public void Merge_SameSeed_IsWarnedOf(int one, int other, bool isWarned)
    {
        LoadReport merged = Merging.Merge([Seeded(1, one), Seeded(2, other)], "merge");

        Assert.Equal(isWarned, merged.Warnings.Any(warning => warning.Contains("a: 2 of the runs had the seed 1, so their calls were due at the same instants", StringComparison.Ordinal)));

        static LoadReport Seeded(int number, int seed)
        {
            LoadReport report = Report("a", number);
            return report with { Scenarios = [report.Scenarios[0] with { Seed = seed }] };
        }
    }

    [Fact]
    public void Write_NoAnswers_LooksLikeNoneAndNotFast()
    {
        LoadReport report = Report("a", 1);
        ScenarioResult scenario = report.Scenarios[0] with { Answered = 0, AnsweredInWindow = 0, Latency = SparseHistogram.Empty, Lag = SparseHistogram.Empty };
        LoadReport none = report with { Scenarios = [scenario with { Intervals = [scenario.Intervals[0] with { Answered = 0, Latency = SparseHistogram.Empty }] }] };

        Assert.Contains("| – | – | – | – | – |", ReportMarkdown.Write(none));
        Assert.Contains("None of 100/s offered was answered", ReportMarkdown.Write(none));
        Assert.EndsWith(",,,,,,,\n", ReportCsv.Write(none));
        ComparedValue p99 = Comparison.Of(report, none).Single(value => value.Name == "p99");
        Assert.Equal(("–", null), (p99.After, p99.IsBetter));
    }

    [Theory]
    [InlineData(9, 0, 3, true)]
    [InlineData(9, 3, 0, false)]
    [InlineData(0, 11, 0, false)]
    [InlineData(0, 10, 900, true)]
    public void Check_CallsWithoutAnAnswer_AreLaterThanAnyLimit(int failed, int notSent, int refused, bool isKept)
    {
        // A thousand answers within 20 ms: of 1,010 calls ten may have none, and what was refused has one.
        ScenarioResult result = Report("a", 1).Scenarios[0] with { Failed = failed, NotSent = notSent, Refused = refused, Offered = 1000 + failed + notSent + refused };
        LoadReport report = Report("a", 1) with { Scenarios = [result] };

        Assert.Equal((isKept, !isKept), (Check("p99 < 1s"), double.IsInfinity(result.SecondsWithin(0.99))));
        Assert.True(Check("p90 < 1s"));
        Assert.False(Check("max < 1s"));
        Assert.Contains(isKept ? ", 99 % within " : " % never.", ReportMarkdown.Write(report));
        Assert.Contains("Percentiles are of the answered calls alone; without an answer were ", ReportMarkdown.Write(report));
        Assert.DoesNotContain("Percentiles are of", ReportMarkdown.Write(Report("a", 1)));

        bool Check(string text) => Threshold.TryParse(text, out Threshold? threshold, out _) && ThresholdCheck.Check(threshold, result).IsKept;
    }

    [Fact]
    public void Write_NumbersThatAreNone_BreakNoReport()
    {
        LoadReport report = Report("a", 1);
        TrialResult trial = new(double.NaN, double.PositiveInfinity, double.NaN, double.NaN, 1, 1, 1, double.NaN, true, false);
        report = report with
        {
            Scenarios = [report.Scenarios[0] with { ClientCpuSeconds = double.NaN, Seconds = double.NaN }],
            Capacity = new CapacityResult(0.99, 50, [new CapacityOf("x", double.NaN, [double.NaN], double.NaN, double.NaN, "", [trial])]),
            Tune = new TuneResult("m", [new TunePoint("p", double.NaN, double.NaN, double.NaN, true, "", null) { MissShare = double.NaN }]),
        };

        foreach (string text in new[] { HtmlReport.Write(report), HtmlReport.Compare(report, report, "a", "b", Comparison.Of(report, report)), ReportCsv.Write(report), ReportMarkdown.Write(report), ReportMarkdown.Compare(Comparison.Of(report, report)) })
        {
            Assert.DoesNotContain("NaN |", text);
            Assert.DoesNotContain(",NaN", text);
            Assert.DoesNotContain(":NaN", text);
            Assert.DoesNotContain("Infinity\"", text);
        }
    }

    [Fact]
    public void Markdown_TextOfOthers_StaysText()
    {
        LoadReport report = Report("a|b <img src=x> `c` *d*", 1) with { Command = "gateway-load --header 'x: ``'", Warnings = ["line\nbreak"] };

        string text = ReportMarkdown.Write(report);

        Assert.Contains(@"| a\|b \<img src=x\> \`c\` \*d\* |", text);
        Assert.Contains("```gateway-load --header 'x: ``'```", text);
        Assert.Contains("> line break\n", text);
    }

    [Fact]
    public void Markdown_Capacity_HasTrialsConfidenceAndMachines()
    {
        TrialResult trial = new(900, 899, 890, 1, 2, 30, 40, 0.001, true, false) { Seconds = 5, ObjectiveMilliseconds = 30, ObjectiveLeast = 28, ObjectiveMost = -1 };
        CapacityOf found = new("frames", 900, [880, 900], 0.02, 1000, "the queue: 3 ms (x)", [trial]) { Machines = new MachinePlan(9000, 0.2, 13, 12, 14, false), IsAtLeast = true };
        LoadReport report = Report("a", 1) with { Kind = "capacity", Scenarios = [], Capacity = new CapacityResult(0.99, 50, [found]) };

        string text = ReportMarkdown.Write(report);

        Assert.Contains("At least 900 requests/s hold p99 within 50 ms over frames; limited by the queue: 3 ms. For 9,000/s with 20 % of each free: 13 machines (12 to 14 by the spread), +1 spare.", text);
        Assert.Contains("| 900/s | 5 s | 899 | 1 ms | 30 ms | (28 ms to –) | 0.1 % | – | – | holds |", text);
        Assert.Contains("No knee was found", ReportMarkdown.Write(report with { Capacity = new CapacityResult(0.99, 50, [found with { Knee = 0, Knees = [] }]) }));
        Assert.Contains("No rate holds", ReportMarkdown.Write(report with { Capacity = new CapacityResult(0.99, 50, [found with { Knee = 0, Knees = [0] }]) }));
        Assert.Contains("\"machines\":13", HtmlReport.Write(report));
        Assert.Contains("frames,900,5,899,890,1,2,30,40,30,28,,0,0.001,1,0,", ReportCsv.Write(report));
    }

    [Fact]
    public void Compare_SameReport_IsTheSame()
    {
        LoadReport report = Report("a", 1);

        IReadOnlyList<ComparedValue> values = Comparison.Of(report, report);

        Assert.All(values, value => Assert.True(value is { IsSame: true, IsBetter: null }));
        Assert.Contains("| p99 |", ReportMarkdown.Compare(values));
        Assert.Contains($"0 are worse and {values.Count} are the same within 2 %.", HtmlReport.Compare(report, report, "a", "b", values));
    }

    [Fact]
    public void Compare_SlowerReport_IsWorse()
    {
        LoadReport report = Report("a", 1);
        LoadReport slower = Report("a", 1, scale: 3);

        Assert.False(Comparison.Of(report, slower).Single(value => value.Name == "p99").IsBetter);
        Assert.True(Comparison.Of(slower, report).Single(value => value.Name == "p99").IsBetter);
    }

    [Fact]
    public void Compare_FiguresOfWhichNeitherWayIsBetter_AreNotCalledTheSame()
    {
        LoadReport report = Report("a", 1);
        LoadReport faster = report with { Scenarios = [report.Scenarios[0] with { Offered = 2006 }] };

        IReadOnlyList<ComparedValue> values = Comparison.Of(report, faster);

        Assert.True(values[0] is { Name: "offered/s", IsSame: false, IsBetter: null });
        Assert.Contains("of 1 neither way is better", Comparison.Verdict(values));
    }

    [Fact]
    public void Compare_TuneReports_AreComparedBySetting()
    {
        TunePoint one = new("batch 8", 1000, 1, 10, true, "", null);
        LoadReport before = Report("a", 1) with { Kind = "tune", Scenarios = [], Tune = new TuneResult("m", [one, new TunePoint("batch 16", 0, 0, 0, false, "", "refused")]) };
        LoadReport after = before with { Tune = new TuneResult("m", [one with { Throughput = 1500, P99Milliseconds = 20 }, new TunePoint("batch 16", 900, 1, 1, false, "", null)]) };

        IReadOnlyList<ComparedValue> values = Comparison.Of(before, after);

        Assert.Equal([true, null, false, null, null, null], values.Select(value => value.IsBetter));
        Assert.Equal(("batch 8: saturated", "+50 %"), (values[0].Name, values[0].Change));
        Assert.Equal("–", values[3].Before);
        Assert.Empty(Comparison.Of(before, Report("a", 1)));
    }

    [Fact]
    public void Html_TextsOfAServer_CannotEndTheScript()
    {
        LoadReport report = Report("</script><script>alert(1)</script>", 1);

        string page = HtmlReport.Write(report);

        Assert.DoesNotContain("<script>alert", page);
        Assert.DoesNotContain("{{", page);
        Assert.DoesNotContain("http-equiv", page);
        Assert.Equal(2, page.Split("</script>").Length - 1);
    }

    [Fact]
    public void Write_WrongAnswers_AreCountedOnce()
    {
        LoadReport report = Report("a", 1);
        report = report with { Scenarios = [report.Scenarios[0] with { Offered = 1000, Failed = 30, Wrong = 30, Verified = 1000, Refused = 0 }] };

        Assert.Contains("| 0 % | 3 % |", ReportMarkdown.Write(report));
        Assert.Contains("\"errorShare\":0.03,", HtmlReport.Write(report));
        Assert.Equal("3 %", Comparison.Of(report, report).Single(value => value.Name == "errors").Before);
    }

    [Fact]
    public void Write_AnswersCheckedByShapeAlone_AreSaid()
    {
        LoadReport report = Report("a", 1);
        report = report with { Scenarios = [report.Scenarios[0] with { Verified = 1000, VerifiedByShape = 64 }] };

        Assert.Contains("; 1,000 answers checked, 64 of them by type and shape alone\n", ReportMarkdown.Write(report));
        Assert.Contains("\"verifiedByShape\":64,", HtmlReport.Write(report));
    }

    [Fact]
    public void Csv_NameWithComma_IsQuoted() => Assert.Contains("\"a,b\",", ReportCsv.Write(Report("a,b", 1)));

    private static LoadReport Report(string name, int seed, int scale = 1)
    {
        Random random = new(seed);
        LatencyHistogram latency = new();
        for (int i = 0; i < 1000; i++) latency.Record(scale * random.NextInt64(1_000_000, 20_000_000));
        SparseHistogram sparse = latency.ToSparse();
        ScenarioResult scenario = new()
        {
            Name = name,
            Target = "http://localhost:8000",
            Carrier = "http-binary",
            Steps = ["one"],
            Simulations = ["Inject"],
            IsOpen = true,
            Seconds = 10,
            Offered = 1003,
            Answered = 1000,
            InTime = 1000,
            AnsweredInWindow = 1000,
            InTimeInWindow = 1000,
            Refused = 3,
            Sent = 1003,
            Latency = sparse,
            Service = sparse,
            Refusals = SparseHistogram.Empty,
            Lag = sparse,
            StepLatencies = [],
            Kinds = [new KindCount("503 queue_full", true, 3, "full")],
            IntervalSeconds = 1,
            Intervals = [new IntervalTally { Index = 0, Offered = 1003, Answered = 1000, Latency = sparse }],
        };
        return new LoadReport { Kind = "run", Started = DateTimeOffset.UnixEpoch, Command = "gateway-load", Machine = new MachineFacts("cpu", 2, "os", "10"), Scenarios = [scenario] };
    }
}
