using System.Globalization;

namespace Gateway.TestSupport.Kills;

/// <summary>Starts the program, lets clients ask, kills it without warning at a random moment, and starts it again on the same cache folder: again and again.</summary>
/// <remarks>
/// <b>Behaviour</b>: it has to start each time, and never to answer wrongly: not from a torn entry, and not from one of other model files, which are changed now and then
/// between two lives. Some lives end before they serve.
/// </remarks>
public static class KillRun
{
    private const int Side = 128;
    private const int Keys = 4000;
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(60);

    /// <param name="program">The path of <c>gateway.dll</c>.</param>
    /// <param name="onLife">Is told of each life when it is over.</param>
    public static async Task<KillTally> RunAsync(string program, int kills, int seed, Action<string>? onLife = null)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("gateway-kills-");
        KillTally tally = new();
        Random random = new(seed);
        float constant = 0;
        try
        {
            WriteModel(folder, constant);
            for (int life = 1; life <= kills && tally.Violations.Count == 0; life++)
            {
                if (random.Next(8) == 0) WriteModel(folder, ++constant);
                int answers = random.Next(100, 5000);
                if (random.Next(6) == 0) await KillEarlyAsync(program, folder, TimeSpan.FromMilliseconds(random.Next(50, 800))).ConfigureAwait(false);
                else await LiveAsync(program, folder, constant, tally, AskUntilKilled(random.Next(), answers, tally)).ConfigureAwait(false);
                onLife?.Invoke($"life {life}: {tally}");
            }

            if (tally.Violations.Count == 0) await LiveAsync(program, folder, constant, tally, static (callers, _) => callers.AskAllAsync()).ConfigureAwait(false);
            return tally;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static Func<KillCallers, KilledServer, Task> AskUntilKilled(int seed, int answers, KillTally tally) => async (callers, server) =>
    {
        // Answers rather than time: on a busy machine a second is nothing.
        long until = tally.Answers + answers;
        callers.Begin(seed);
        while (tally.Answers < until && tally.Violations.Count == 0) await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System).ConfigureAwait(false);
        callers.End();
        server.Dispose();
    };

    private static async Task LiveAsync(string program, DirectoryInfo folder, float constant, KillTally tally, Func<KillCallers, KilledServer, Task> live)
    {
        using KilledServer server = Start(program, folder);
        string? address = await server.ServesAsync().WaitAsync(StartPatience).ConfigureAwait(false);
        if (address is null)
        {
            tally.Violate($"it did not start: {server.LastError}");
            return;
        }

        tally.CountStart();
        KillCallers callers = new(address, constant, Side, Keys, tally);
        await using (callers.ConfigureAwait(false)) await live(callers, server).ConfigureAwait(false);
    }

    private static async Task KillEarlyAsync(string program, DirectoryInfo folder, TimeSpan after)
    {
        using KilledServer server = Start(program, folder);
        await Task.Delay(after, TimeProvider.System).ConfigureAwait(false);
    }

    // Little memory and little disk, so that pages are written and files deleted all the time.
    private static KilledServer Start(string program, DirectoryInfo folder) => new(
        program, "--model-repository", Path.Combine(folder.FullName, "models"), "--cache-directory", Path.Combine(folder.FullName, "cache"),
        "--cache-memory-byte-size", (1 << 20).ToString(CultureInfo.InvariantCulture), "--cache-disk-byte-size", (16 << 20).ToString(CultureInfo.InvariantCulture));

    private static void WriteModel(DirectoryInfo folder, float constant)
    {
        string model = Directory.CreateDirectory(Path.Combine(folder.FullName, "models", "m", "1")).FullName;
        File.WriteAllText(Path.Combine(model, "..", "config.pbtxt"), "max_batch_size: 16 dynamic_batching {} response_cache { enable: true }");
        File.WriteAllBytes(Path.Combine(model, "model.onnx"), OnnxFile.Adding(constant, Side));
    }
}
