using System.Diagnostics;
using System.Net;
using System.Text;

namespace Gateway.IntegrationTests.Caching;

/// <summary>A disk that is full, and one that may not be written: a file system of a few megabytes in memory, where the tests may mount one.</summary>
public sealed class DiskTests
{
    private readonly HttpClient _client = new();

    [Fact]
    public async Task FullDisk_ServesThroughoutInMemoryWithOneWarning()
    {
        using CachedRepository repository = new();
        using SmallDisk disk = SmallDisk.Mount("size=5m");
        await using GatewayProcess server = await ServeAsync(repository, disk);
        for (int i = 0; i < 400; i++) await AskAsync(server, i);
        string last = await AskAsync(server, 399);

        // 400 answers of 48 KiB are four times the disk.
        Assert.Equal("gateway; hit", last);
        Assert.Equal(1, Count(server.Error, "The response cache goes on in memory alone: writing to"));
        server.Signal(GatewayProcess.Terminate);
        Assert.Equal(0, await server.WaitForExitAsync());
        Assert.DoesNotContain("Unhandled", server.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FullDisk_StartOnIt_Serves()
    {
        using CachedRepository repository = new();
        using SmallDisk disk = SmallDisk.Mount("size=64k");
        File.WriteAllBytes(Path.Combine(disk.Path, "other"), new byte[40 << 10]);
        await using GatewayProcess server = await ServeAsync(repository, disk);
        for (int i = 0; i < 50; i++) await AskAsync(server, i);

        Assert.Equal("gateway; hit", await AskAsync(server, 49));
    }

    [Fact]
    public async Task ReadOnlyDisk_ServesInMemoryWithAWarning()
    {
        using CachedRepository repository = new();
        using SmallDisk disk = SmallDisk.Mount("ro,size=1m");
        await using GatewayProcess server = await ServeAsync(repository, disk);
        await AskAsync(server, 1);

        Assert.Equal("gateway; hit", await AskAsync(server, 1));
        Assert.Equal(1, Count(server.Error, "The response cache keeps answers in memory alone"));
    }

    [Fact]
    public async Task DiskThatBecameReadOnly_WhatIsThereIsSetAside()
    {
        using CachedRepository repository = new();
        using SmallDisk disk = SmallDisk.Mount("size=16m");
        await using (GatewayProcess first = await ServeAsync(repository, disk))
        {
            await AskAsync(first, 1);
            first.Signal(GatewayProcess.Terminate);
            Assert.Equal(0, await first.WaitForExitAsync());
        }

        disk.MakeReadOnly();
        await using GatewayProcess second = await ServeAsync(repository, disk);
        Assert.Equal("gateway; fwd=miss; stored", await AskAsync(second, 1));
        Assert.Equal("gateway; hit", await AskAsync(second, 1));
        Assert.Equal(1, Count(second.Error, "The response cache keeps answers in memory alone"));
    }

    private static Task<GatewayProcess> ServeAsync(CachedRepository repository, SmallDisk disk) =>
        GatewayProcess.ServeAsync("--model-repository", repository.Path, "--cache-directory", disk.Path, "--cache-memory-byte-size", "4194304", "--cache-disk-byte-size", "67108864");

    private static int Count(string text, string part) => text.Split(part).Length - 1;

    /// <returns>The answer's cache status.</returns>
    private async Task<string> AskAsync(GatewayProcess server, int number)
    {
        // Twice, so that a full cache keeps it.
        string tile = Question.Samples(number)[3].Json();
        (string status, byte[] first) = await PostAsync(server, tile);
        (_, byte[] second) = await PostAsync(server, tile);
        (string run, byte[] expected) = await PostAsync(server, tile, "bypass");
        Assert.Equal("gateway; fwd=bypass", run);
        Assert.True(expected.AsSpan().SequenceEqual(first), $"tile {number}, {status}");
        Assert.True(expected.AsSpan().SequenceEqual(second), $"tile {number}, asked for again");
        return status;
    }

    private async Task<(string Status, byte[] Body)> PostAsync(GatewayProcess server, string body, string? cache = null)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, $"{server.HttpAddress}/v2/models/denoise/infer") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        if (cache is not null) request.Headers.Add("Inference-Cache", cache);
        using HttpResponseMessage answer = await _client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return (answer.Headers.GetValues("Cache-Status").Single(), await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    private sealed class SmallDisk : IDisposable
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gateway-disk-");

        public string Path => _folder.FullName;

        /// <summary>Mounts one; where that is not allowed the test is skipped.</summary>
        public static SmallDisk Mount(string options)
        {
            SmallDisk disk = new();
            if (Run("mount", "-t", "tmpfs", "-o", options, "tmpfs", disk.Path)) return disk;
            disk._folder.Delete();
            Assert.Skip("no file system can be mounted here");
            return disk;
        }

        public void MakeReadOnly() => Assert.True(Run("mount", "-o", "remount,ro", Path));

        public void Dispose()
        {
            // Lazily: a server that is being killed may have files open.
            Run("umount", "-l", Path);
            _folder.Delete();
        }

        private static bool Run(string program, params string[] arguments)
        {
            try
            {
                using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
                process.WaitForExit();
                return process.ExitCode == 0;
            }
            catch (System.ComponentModel.Win32Exception)
            {
                return false;
            }
        }
    }
}
