using Gateway.OnnxRuntime.Backend;
using Gateway.OnnxRuntime.Sessions;

namespace Gateway.UnitTests.OnnxRuntime.Backend;

[Collection(OrtTests.Name)]
public sealed class LoadedSessionTests(OrtFixture fixture)
{
    /// <summary>Another instance may have had a lost device's session replaced while this one is still on it.</summary>
    [Fact]
    public void HeldByTwo_EndsWithTheLast()
    {
        OrtSession session = fixture.Load("matmul");
        LoadedSession loaded = new(session, null, null);

        loaded.Hold();
        loaded.LetGo();
        session.CreateBinding().Dispose();
        loaded.LetGo();

        Assert.Throws<ObjectDisposedException>(session.CreateBinding);
    }
}
