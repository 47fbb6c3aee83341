using System.Runtime.Intrinsics.X86;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Caching.Storage;
using Gateway.Core.Memory;
using Gateway.Faster;

namespace Gateway.UnitTests.Caching;

public sealed class FasterStoreTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("store").FullName;
    private readonly BlockPool _pool = new(1 << 20, lockPages: false);

    public void Dispose()
    {
        _pool.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData(64, 0, 8)]
    [InlineData(64, 64, 8)]
    [InlineData(64, 1024, 16)]
    [InlineData(64, 1 << 20, 16)]
    public void Index_Disk_HasRoomForWhatLiesThere(int memoryMebiBytes, long diskMebiBytes, int indexMebiBytes)
    {
        using FasterStore store = Open(memoryMebiBytes, diskMebiBytes);

        Assert.Equal(indexMebiBytes, store.IndexBytes >> 20);
        Assert.InRange(store.MemoryBytes, (long)memoryMebiBytes << 19, (long)memoryMebiBytes << 20);
    }

    [Fact]
    public void Expect_AnyKey_ItsBucketIsFoundInFastersTable()
    {
        using FasterStore store = Open(1, 0);
        Random random = new(1);
        for (int i = 0; i < 1000; i++) store.Expect(new CacheKey(new UInt128((ulong)random.NextInt64(), (ulong)random.NextInt64()), 0));

        Assert.Equal(Sse.IsSupported, store.HasHints);
    }

    private FasterStore Open(int memoryMebiBytes, long diskMebiBytes) =>
        new(new StoreContext((long)memoryMebiBytes << 20, diskMebiBytes == 0 ? null : _folder, diskMebiBytes << 20, CacheSecret.Random(), _pool, _ => { }));
}
