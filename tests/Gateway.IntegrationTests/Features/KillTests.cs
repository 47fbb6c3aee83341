using System.Text;
using System.Text.Json;
using Gateway.TestSupport.Kills;

namespace Gateway.IntegrationTests.Features;

/// <summary>SIGKILL while rows are put: what was acknowledged is there afterwards, and nothing that was not sent.</summary>
public sealed class KillTests
{
    private const int Keys = 3000;
    private const int Together = 100;

    [Fact]
    public async Task KilledWhilePutting_WhatWasAcknowledgedIsThere()
    {
        using FeatureFolder features = new();
        features.Add("v", """{"key":"INT64","datatype":"INT64","shape":[32],"memory_bytes":1048576,"disk_bytes":16777216}""");
        Random random = new(1);
        long[] rows = new long[Keys];
        Dictionary<int, long> inFlight = [];
        long next = 0;
        for (int life = 0; life < 6; life++)
        {
            using KilledServer server = new(GatewayProcess.ProgramPath, ["--model-repository", Path.Combine(GatewayProcess.RepositoryRoot, "config", "model-repository"), "--model-control-mode", "explicit", .. features.Arguments]);
            string? address = await server.ServesAsync();
            Assert.True(address is not null, server.LastError);
            using HttpClient http = new() { BaseAddress = new Uri(address) };
            await CheckAsync(http, rows, inFlight);
            inFlight.Clear();
            for (int puts = random.Next(20, 150); puts > 0; puts--)
            {
                foreach (int key in Enumerable.Range(0, Together).Select(_ => random.Next(Keys))) inFlight[key] = ++next;
                Task put = PutAsync(http, inFlight);
                if (puts == 1)
                {
                    // In the middle of it, or before, or after: whichever it is this time.
                    await Task.Delay(TimeSpan.FromMilliseconds(random.Next(0, 8)), TimeProvider.System, TestContext.Current.CancellationToken);
                    server.Dispose();
                    await Assert.ThrowsAnyAsync<Exception>(async () =>
                    {
                        await put;
                        throw new InvalidOperationException("It was acknowledged.");
                    });
                    break;
                }

                await put;
                foreach ((int key, long value) in inFlight) rows[key] = value;
                inFlight.Clear();
            }
        }
    }

    private static async Task PutAsync(HttpClient http, Dictionary<int, long> rows)
    {
        string body = JsonSerializer.Serialize(new { keys = rows.Keys, rows = rows.Values.Select(value => Enumerable.Repeat(value, 32)) });
        using HttpResponseMessage answer = await http.PostAsync(new Uri("/v2/features/v/rows", UriKind.Relative), new StringContent(body, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>Each row is the one that was acknowledged last, or one that was on its way; what it is is taken over.</summary>
    private static async Task CheckAsync(HttpClient http, long[] rows, Dictionary<int, long> inFlight)
    {
        string body = JsonSerializer.Serialize(new { keys = Enumerable.Range(0, Keys) });
        using HttpResponseMessage answer = await http.PostAsync(new Uri("/v2/features/v/lookup", UriKind.Relative), new StringContent(body, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
        using JsonDocument json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        JsonElement[] found = [.. json.RootElement.GetProperty("rows").EnumerateArray()];
        for (int key = 0; key < Keys; key++)
        {
            long value = found[key].ValueKind == JsonValueKind.Null ? 0 : found[key][0].GetInt64();
            if (value != 0) Assert.True(found[key].EnumerateArray().All(element => element.GetInt64() == value), $"key {key} has a row of two");
            Assert.True(value == rows[key] || (inFlight.TryGetValue(key, out long sent) && value == sent), $"key {key} has {value}, and {rows[key]} was acknowledged");
            rows[key] = value;
        }
    }
}
