using System.Text.Json;
using Gateway.Load.Display;
using Gateway.Load.Machine;
using Gateway.Load.Reports;
using Gateway.Load.Reports.Html;
using Gateway.Load.Results;
using Gateway.Load.Running;
using Gateway.Load.Scenarios;
using Gateway.Load.Statistics;
using Gateway.TestSupport;
using Gateway.UnitTests.Load.Engine;
using Spectre.Console;

namespace Gateway.UnitTests.Load.Display;

public class SummaryTests
{
    private readonly StringWriter _output = new();

    [Theory]
    [InlineData(80)]
    [InlineData(120)]
    public void Write_NarrowTerminal_HasALineForEachFigure(int width)
    {
        Summary.Write(Console(width), Report());

        Assert.Equal(13, Lines().Length);
        Assert.All(Lines(), line => Assert.True(line.Length <= 60));
        Assert.Matches(@"^  p99\.9 +1000 µs$", Lines().Single(line => line.Contains("p99.9", StringComparison.Ordinal)));
    }

    [Fact]
    public void Write_WideTerminal_HasATableOfOneRowAScenario()
    {
        Summary.Write(Console(160), Report());

        Assert.Equal(5, Lines().Length);
        Assert.All(Lines(), line => Assert.True(line.Length <= 160));
    }

    [Fact]
    public void Write_CapacityOfSeveralCarriers_HasALineForEach()
    {
        CapacityOf found = new("http-binary", 900, [880, 900], 0.02, 1000, "the device: busy", []) { Connections = 128 };

        Summary.Write(Console(80), Report() with { Scenarios = [], Capacity = new CapacityResult(0.99, 50, [found, found with { Name = "frames", IsAtLeast = true, Knee = 2000, Connections = 4 }]) });

        string text = string.Join(' ', Lines());
        Assert.Contains("http-binary: knee 900/s (spread 2 %), saturated 1,000/s over 128 connections; limited by the device: busy", text);
        Assert.Contains("frames: knee ≥ 2,000/s", text);
    }

    [Theory]
    [InlineData("the device: busy 90 % (server CPU 1 cores)", "limited by the device: busy 90 %")]
    [InlineData("not known: the server's metrics could not be read (--metrics)", "what limited it is not known: the server's metrics could not be read")]
    [InlineData("not measured", "what limited it is not measured")]
    public void Write_WhatLimits_IsASentenceEverywhere(string limit, string text)
    {
        LoadReport report = Report() with { Scenarios = [], Capacity = new CapacityResult(0.99, 50, [new CapacityOf("frames", 900, [900], 0, 1000, limit, [])]) };

        Summary.Write(Console(160), report);

        Assert.Contains($"; {text}", string.Join(' ', Lines()), StringComparison.Ordinal);
        Assert.EndsWith($"; {text}.", Verdict.Of(report), StringComparison.Ordinal);
        Assert.Contains($"\"limitText\":\"{JsonEncodedText.Encode(text)}", HtmlReport.Write(report), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(80, 2)]
    [InlineData(130, 5)]
    public void Now_Terminal_IsATableWhereItHasRoom(int width, int lines)
    {
        IAnsiConsole console = Console(width);
        RunProgress progress = new("virtual", 12, 30, 2, 1, new IntervalTally { Index = 11, Offered = 12_345, Answered = 12_345, Latency = SparseHistogram.Empty }, 12_345, 12_345, 12_345);

        console.Write(new TableDisplay(console).Now([progress]));

        Assert.Equal(lines, Lines().Length);
        Assert.All(Lines(), line => Assert.True(line.Length <= width));
        Assert.Contains("12,345", Lines()[^(width == 80 ? 1 : 2)]);
    }

    private string[] Lines() => [.. _output.ToString().Split('\n').Select(line => line.TrimEnd()).Where(line => line.Length > 0)];

    private IAnsiConsole Console(int width)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Interactive = InteractionSupport.Yes, Out = new AnsiConsoleOutput(_output) });
        console.Profile.Width = width;
        return console;
    }

    private static LoadReport Report()
    {
        ManualTimeProvider time = new();
        ScenarioResult result = VirtualLoad.Result(time, new SimulatedServer(time, 8, () => 1e-3), new LoadSimulation(SimulationKind.Inject, 3) { Rate = 1000, Arrivals = ArrivalKind.Constant });
        return new LoadReport { Kind = "run", Started = DateTimeOffset.UnixEpoch, Command = "gateway-load", Machine = new MachineFacts("cpu", 2, "os", "10"), Scenarios = [result] };
    }
}
