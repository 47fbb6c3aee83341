using Gateway.Core.Caching.Storage;

namespace Gateway.Faster;

internal sealed class FasterStoreFactory : IResponseStoreFactory
{
    public IResponseStore Open(StoreContext context) => new FasterStore(context);
}
