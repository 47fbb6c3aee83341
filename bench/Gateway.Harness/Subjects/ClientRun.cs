using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Gateway.Client;
using Gateway.Harness.Load;
using Gateway.Harness.Machine;
using Gateway.Harness.Models;
using Gateway.Harness.Scenarios;

namespace Gateway.Harness.Subjects;

/// <summary>Load from a program that uses <see cref="InferenceClient"/>, in a process of its own on the client's core.</summary>
internal static class ClientRun
{
    public const string Command = "client-run";

    /// <summary>Runs a new process and waits for its figures.</summary>
    /// <param name="endpoint">As <see cref="InferenceClientOptions.Endpoints"/> has it.</param>
    public static ClientFigure Measure(ServerProcess server, string endpoint, BenchModel model, int connections, int window, Effort effort)
    {
        string[] arguments =
        [
            Command, endpoint, model.Name, $"{connections}", $"{window}",
            effort.WarmUpSeconds.ToString(CultureInfo.InvariantCulture), effort.Seconds.ToString(CultureInfo.InvariantCulture), $"{server.Id}",
        ];
        using Process process = Process.Start(ServerProcess.Pinned(Programs.Self, arguments, $"{Affinity.ClientCore}"))!;
        string output = process.StandardOutput.ReadToEnd();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new IOException($"{Command} failed: {error}");
        return JsonSerializer.Deserialize<ClientFigure>(output)!;
    }

    /// <param name="arguments">Endpoint, model, connections, calls in flight on each, seconds to warm up, seconds, the server's process.</param>
    public static async Task RunAsync(IReadOnlyList<string> arguments)
    {
        BenchModel model = BenchModel.Named(arguments[1]);
        int connections = int.Parse(arguments[2], CultureInfo.InvariantCulture);
        int callers = connections * int.Parse(arguments[3], CultureInfo.InvariantCulture);
        using Process server = Process.GetProcessById(int.Parse(arguments[6], CultureInfo.InvariantCulture));
        await using InferenceClient client = new(new InferenceClientOptions { Endpoints = { arguments[0] }, ConnectionsPerEndpoint = connections });
        ClientLoop.Run(client, model, callers, Seconds(4), ServerCpu, out _);
        LoadResult load = ClientLoop.Run(client, model, callers, Seconds(5), ServerCpu, out double allocated);
        Console.Out.Write(JsonSerializer.Serialize(new ClientFigure(load, allocated)));

        double Seconds(int index) => double.Parse(arguments[index], CultureInfo.InvariantCulture);

        TimeSpan ServerCpu()
        {
            server.Refresh();
            return server.TotalProcessorTime;
        }
    }
}
