using System.Buffers.Binary;
using System.Text;
using Gateway.Core.Features;
using Gateway.Core.Features.Configuration;
using Gateway.Core.Memory;
using Gateway.Faster;
using Gateway.Protocol.Tensors;
using Gateway.UnitTests.Caching;
using Microsoft.Extensions.Logging;

namespace Gateway.UnitTests.Features;

/// <summary>A view <c>v</c> of INT64 rows, each of one number many times, so that a row that is put together from two is seen.</summary>
internal sealed class TestView : IDisposable
{
    public const int Elements = 32;

    private readonly FeatureViews _views;
    private readonly bool _ownsPool;

    public TestView(FeatureViewConfig? config = null, string? folder = null, TimeProvider? time = null, BlockPool? pool = null, HeldDisk? disk = null, long mostRowBytes = long.MaxValue)
    {
        _ownsPool = pool is null;
        Pool = pool ?? new BlockPool(64 << 20, lockPages: false);
        Logger<FeatureViews> logger = new(new LoggerFactory([Log]));
        FeatureViewConfig[] configs = [config ?? Config()];
        _views = disk is null
            ? FasterFeatureViews.Create(configs, new Dictionary<string, string>(), folder, Pool, time ?? TimeProvider.System, logger, mostRowBytes)
            : new FeatureViews(configs, new Dictionary<string, string>(), disk, folder, Pool, time ?? TimeProvider.System, logger) { MostRowBytes = mostRowBytes };
    }

    public BlockPool Pool { get; }

    public CollectedLog Log { get; } = new();

    public FeatureViews Views => _views;

    public FeatureView View => _views.All[0];

    public static FeatureViewConfig Config(DataType key = DataType.Bytes) => new()
    {
        Name = "v",
        KeyType = key,
        DataType = DataType.Int64,
        Row = new TensorShape([Elements]),
        MemoryBytes = 1 << 20,
        DiskBytes = 16 << 20,
        Default = new byte[Elements * sizeof(long)],
    };

    /// <summary>Waits for what was kept, and opens it.</summary>
    public async Task<TestView> OpenAsync()
    {
        await View.WhenRestored;
        View.Open();
        return this;
    }

    public Task<FeatureChange> PutAsync(params (string Key, long Value)[] rows) =>
        View.PutAsync(Keys(rows.Select(row => row.Key)), rows.SelectMany(row => Row(row.Value)).ToArray(), rows.Length);

    public Task<FeatureChange> PutAsync(int from, int until, long plus = 0) =>
        PutAsync([.. Enumerable.Range(from, until - from).Select(i => (i.ToString(System.Globalization.CultureInfo.InvariantCulture), i + plus))]);

    public Task<FeatureChange> DeleteAsync(params string[] keys) => View.DeleteAsync(Keys(keys), keys.Length);

    /// <summary>The numbers of rows; null for one that is not there.</summary>
    public Task<long?[]> GetAsync(params string[] keys) => GetUntilAsync(keys, CancellationToken.None);

    public async Task<long?[]> GetUntilAsync(string[] keys, CancellationToken cancellation)
    {
        byte[] raw = Keys(keys);
        Assert.True(Pool.TryRent(raw.Length, BlockOwner.RequestTensors, out MemoryBlock? block));
        Assert.True(Pool.TryRent(keys.Length * (1 + (Elements * sizeof(long))), BlockOwner.RequestTensors, out MemoryBlock? to));
        try
        {
            raw.CopyTo(block.Span);
            await View.LookUpAsync(block, keys.Length, to, cancellation);
            return [.. Enumerable.Range(0, keys.Length).Select(i => Number(to, i, keys.Length))];
        }
        finally
        {
            block.Release();
            to.Release();
        }
    }

    public static byte[] Row(long value)
    {
        byte[] row = new byte[Elements * sizeof(long)];
        for (int i = 0; i < Elements; i++) BinaryPrimitives.WriteInt64LittleEndian(row.AsSpan(i * sizeof(long)), value);
        return row;
    }

    public static byte[] Keys(IEnumerable<string> keys) => [.. keys.SelectMany(key => (byte[])[.. BitConverter.GetBytes(Encoding.UTF8.GetByteCount(key)), .. Encoding.UTF8.GetBytes(key)])];

    public void Dispose()
    {
        _views.Dispose();
        if (_ownsPool) Pool.Dispose();
    }

    private static long? Number(MemoryBlock to, int index, int count)
    {
        if (to.Span[index] == 0) return null;
        ReadOnlySpan<byte> row = to.Span.Slice(count + (index * Elements * sizeof(long)), Elements * sizeof(long));
        long number = BinaryPrimitives.ReadInt64LittleEndian(row);
        Assert.True(row.SequenceEqual(Row(number)), "the row is of two");
        return number;
    }
}
