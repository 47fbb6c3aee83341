using System.Runtime.InteropServices;
using System.Text;
using Gateway.Core.Diagnostics;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.UnitTests.OnnxRuntime;

namespace Gateway.UnitTests.Models;

[Collection(OrtTests.Name)]
public sealed class SampleRepositoryTests
{
    [Fact]
    public async Task LoadAll_SampleModels_AreReady()
    {
        await using TestRepository repository = await new TestRepository(TestRepository.File("config/model-repository")).LoadAsync();

        Assert.All(repository.Catalog.Index, status => Assert.True(status.State == ModelState.Ready, $"{status.Name}: {status.Reason}"));
        Assert.Equal(["denoise", "digits", "language", "wine"], repository.Catalog.Index.Select(status => status.Name));
        Assert.True(repository.Catalog.AreAllReady);
    }

    [Fact]
    public async Task Digits_WholeHeldOutSetAtOnce_IsClassifiedInBatches()
    {
        await using TestRepository repository = await new TestRepository(TestRepository.File("config/model-repository")).LoadAsync();
        byte[][] records = [.. File.ReadAllBytes(TestRepository.File("config/samples/digits-heldout.bin")).Chunk(65)];

        bool[] right = await Task.WhenAll(records.Select(record => Task.Run(async () =>
        {
            float[] pixels = [.. record.Take(64).Select(pixel => (float)pixel)];
            using InferenceRequest request = repository.Request("digits", ([1, 1, 8, 8], MemoryMarshal.AsBytes<float>(pixels).ToArray()));
            await request.Model.InferAsync(request);
            Assert.Equal(StatusCode.Ok, request.Status);
            return MemoryMarshal.Cast<byte, long>(request.Outputs[1].Bytes)[0] == record[64];
        })));

        Assert.InRange(right.Count(each => each), (int)(0.98 * records.Length), records.Length);
        ModelCounts counts = repository.Catalog.Find("digits", 0).Batcher.Statistics.Snapshot();
        Assert.Equal(records.Length, counts.Inferences);
        Assert.Equal(records.Length, counts[RequestOutcome.Succeeded]);
    }

    [Fact]
    public async Task Language_TwoSentences_AreToldApart()
    {
        await using TestRepository repository = await new TestRepository(TestRepository.File("config/model-repository")).LoadAsync();
        byte[] raw = [.. Raw("where is the library of the university"), .. Raw("die Wissenschaft und die Geschichte der Sprache")];
        using InferenceRequest request = repository.Request("language", ([2, 1], raw));

        await request.Model.InferAsync(request);

        Assert.Equal(StatusCode.Ok, request.Status);
        ReadOnlySpan<byte> strings = request.Outputs[0].Bytes;
        Assert.True(RawStrings.TryRead(ref strings, out ReadOnlySpan<byte> first));
        Assert.True(RawStrings.TryRead(ref strings, out ReadOnlySpan<byte> second));
        Assert.Equal(("en", "de"), (Encoding.UTF8.GetString(first), Encoding.UTF8.GetString(second)));
    }

    [Fact]
    public async Task Language_BytesThatAreNotUtf8_FailOnlyTheirOwnRequestAndAsTheClients()
    {
        await using TestRepository repository = await new TestRepository(TestRepository.File("config/model-repository")).LoadAsync();
        using InferenceRequest bad = repository.Request("language", ([1, 1], [2, 0, 0, 0, 0xFF, 0xFE]));
        using InferenceRequest good = repository.Request("language", ([1, 1], Raw("where is the library of the university")));

        await Task.WhenAll(good.Model.InferAsync(good).AsTask(), bad.Model.InferAsync(bad).AsTask());

        Assert.Equal((StatusCode.InvalidArgument, StatusCode.Ok), (bad.Status, good.Status));
    }

    internal static byte[] Raw(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        return [.. BitConverter.GetBytes(utf8.Length), .. utf8];
    }
}
